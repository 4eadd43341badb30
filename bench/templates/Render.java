// The four templates on Apache Velocity 1.7 with Jayway JsonPath and json-smart, as far as is known what API Gateway
// runs them with. Prints the output of each once, then microseconds of processor time a render, those of the garbage
// collector with them, in the best round when the virtual machine is warm.

import com.jayway.jsonpath.JsonPath;
import com.jayway.jsonpath.ReadContext;
import com.sun.management.OperatingSystemMXBean;
import java.io.StringReader;
import java.io.StringWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import net.minidev.json.JSONValue;
import org.apache.commons.lang.StringEscapeUtils;
import org.apache.velocity.Template;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.runtime.RuntimeConstants;
import org.apache.velocity.runtime.RuntimeInstance;

public class Render {
    public static class Input {
        private final ReadContext document;

        Input(String body) {
            document = JsonPath.parse(body);
        }

        public Object path(String path) {
            return document.read(path);
        }

        public String json(String path) {
            return JSONValue.toJSONString(document.read(path));
        }
    }

    public static class Util {
        public Object parseJson(String text) {
            return JSONValue.parse(text);
        }

        public String escapeJavaScript(String text) {
            return StringEscapeUtils.escapeJavaScript(text);
        }
    }

    static String render(Template template, String body) {
        Map<String, Object> override = new HashMap<>();
        override.put("header", new HashMap<String, Object>());
        Map<String, Object> context = new HashMap<>();
        context.put("responseOverride", override);
        VelocityContext variables = new VelocityContext();
        variables.put("input", new Input(body));
        variables.put("util", new Util());
        variables.put("context", context);
        StringWriter out = new StringWriter();
        template.merge(variables, out);
        return out.toString();
    }

    static Template parse(RuntimeInstance runtime, String name, String text) throws Exception {
        Template template = new Template();
        template.setRuntimeServices(runtime);
        template.setName(name);
        template.setData(runtime.parse(new StringReader(text), name));
        template.initDocument();
        return template;
    }

    public static void main(String[] arguments) throws Exception {
        RuntimeInstance runtime = new RuntimeInstance();
        runtime.setProperty(RuntimeConstants.RUNTIME_LOG_LOGSYSTEM_CLASS, "org.apache.velocity.runtime.log.NullLogChute");
        runtime.init();
        OperatingSystemMXBean cpu = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        String body = Files.readString(Path.of(arguments[0]));
        for (String file : Arrays.asList(arguments).subList(1, arguments.length)) {
            Template template = parse(runtime, file, Files.readString(Path.of(file)));
            System.err.print(render(template, body));
            long length = 0;
            double best = Double.MAX_VALUE;
            for (int round = 0; round < 10; round++) {
                long start = cpu.getProcessCpuTime();
                for (int turn = 0; turn < 200_000; turn++) {
                    length += render(template, body).length();
                }
                best = Math.min(best, (cpu.getProcessCpuTime() - start) / 200_000 / 1e3);
            }
            System.out.printf("velocity %s %.2f%n", Path.of(file).getFileName(), length == 0 ? Double.NaN : best);
        }
    }
}
