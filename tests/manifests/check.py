"""Every manifest that ships, as a cluster would see it.

Usage: check.py CANDOR FOLDER VERSION...    CANDOR is the program, a VERSION one of Kubernetes.

What kustomize and Helm make of `deploy/` is held against the schemas of Kubernetes, the restricted Pod Security Standard,
Candor's own `check`, and what one manifest says of another. It is left in FOLDER for other tools to look at.
"""

import copy
import pathlib
import re
import subprocess
import sys
import tempfile

import helm_python as helm
import kubernetes_validate
import yaml

import restricted

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm/candor"
PAGE = ROOT / "docs/kubernetes.md"
# Kinds that other programs bring. Their schemas are not part of Kubernetes.
FOREIGN = {"PodMonitor", "EnvoyFilter", "EnvoyExtensionPolicy", "HTTPRoute"}
IMAGE = "example.com/legacy:1"
VALUES = {
    "the least": {"app": {"image": IMAGE}},
    "no native sidecars": {"app": {"image": IMAGE}, "candor": {"nativeSidecar": False}},
    "everything": {
        "app": {
            "image": IMAGE,
            "command": ["serve"],
            "args": ["--quiet"],
            "env": [{"name": "PORT", "value": "9000"}],
            "preStop": {"exec": {"command": ["sleep", "10"]}},
            "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
        },
        "candor": {
            "env": [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector.monitoring:4317"}],
            "volumeMounts": [{"name": "certificate", "mountPath": "/run/certificate", "readOnly": True}],
        },
        "volumes": [
            {"name": "scratch", "emptyDir": {}},
            {"name": "certificate", "secret": {"secretName": "orders-tls"}},
        ],
        "podAnnotations": {"traffic.sidecar.istio.io/excludeInboundPorts": "9901"},
        "podSpec": {"nodeSelector": {"kubernetes.io/arch": "amd64"}, "imagePullSecrets": [{"name": "registry"}]},
        "replicas": 3,
        "podMonitor": {"enabled": True},
    },
    "no probe, no policy": {"app": {"image": IMAGE, "probe": False}, "networkPolicy": {"enabled": False}},
}
# These are for clusters that know no native sidecars and no hook `sleep`, so the schemas of such a one take them, too.
OLD = "1.25"
FOR_OLD = {"kubernetes/overlays/older-clusters", "helm/candor, no native sidecars"}
# What the chart's schema must not let through, and a word of what it says.
WRONG_VALUES = {
    "image": {},
    "imgae": {"app": {"image": IMAGE, "imgae": "x"}},
    "surprise": {"app": {"image": IMAGE}, "surprise": 1},
    "hostNetwork": {"app": {"image": IMAGE}, "podSpec": {"hostNetwork": True}},
    "volumeMounts": {"app": {"image": IMAGE, "volumeMounts": [{"name": "x", "mountPath": "/x", "subPath": "x"}]}},
    "port": {"app": {"image": IMAGE}, "service": {"port": 0}},
    "version": {"app": {"image": IMAGE}, "candor": {"config": {"version": None}}},
}
# What no cluster may be given, each as a change to a good pod: proof that the profile's check can say no.
BAD_PODS = {
    "hostNetwork": lambda pod: pod.update(hostNetwork=True),
    "hostPath": lambda pod: pod["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    "runAsNonRoot": lambda pod: pod["securityContext"].pop("runAsNonRoot"),
    "seccompProfile": lambda pod: pod["securityContext"].pop("seccompProfile"),
    "privileged": lambda pod: pod["containers"][0]["securityContext"].update(privileged=True),
    "allowPrivilegeEscalation": lambda pod: pod["containers"][0]["securityContext"].pop("allowPrivilegeEscalation"),
    "readOnlyRootFilesystem": lambda pod: pod["initContainers"][0]["securityContext"].pop("readOnlyRootFilesystem"),
    "capabilities.drop": lambda pod: pod["containers"][0]["securityContext"]["capabilities"].update(drop=["CHOWN"]),
    "capabilities.add": lambda pod: pod["containers"][0]["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    "hostPort": lambda pod: pod["initContainers"][0]["ports"][0].update(hostPort=80),
    "with `host`": lambda pod: pod["containers"][0]["readinessProbe"]["httpGet"].update(host="example.com"),
    "runAsUser": lambda pod: pod["containers"][0]["securityContext"].update(runAsUser=0),
    "limit on memory": lambda pod: pod["containers"][0]["resources"].pop("limits"),
}
# The same for what one manifest says of another: kind of the object that is changed, and how.
BAD_SETS = {
    "port 8081 is none of": ("Service", lambda it: it["spec"]["ports"][0].update(targetPort=8081)),
    "port metrics is none of": ("PodMonitor", lambda it: it["spec"]["podMetricsEndpoints"][0].update(port="metrics")),
    "selects no pod": ("PodDisruptionBudget", lambda it: it["spec"]["selector"].update(matchLabels={"app": "x"})),
    "selects none of its own": ("Deployment", lambda it: it["spec"]["selector"].update(matchLabels={"app": "x"})),
    "there is no ConfigMap": ("ConfigMap", lambda it: it["metadata"].update(name="candor-7f9")),
    "unknown key `upstream`": ("ConfigMap", lambda it: it["data"].update({"candor.yaml": "version: 1\nupstream: {}\n"})),
    "by `subPath`": ("Deployment", lambda it: sidecar(it)["volumeMounts"][0].update(subPath="candor.yaml")),
    "there is no volume": ("Deployment", lambda it: sidecar(it)["volumeMounts"][0].update(name="rules")),
    "which is not its own": ("Deployment", lambda it: sidecar(it)["livenessProbe"]["httpGet"].update(port="metrics")),
    "takes all of the grace": ("Deployment", lambda it: it["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=10)),
    "1.34: .spec: Additional": ("Service", lambda it: it["spec"].update(surprise=1)),
}


def main(candor, folder, versions):
    sets = {**kustomized(), **rendered(), **plain(), **documented()}
    found = []
    for name, objects in sets.items():
        problems = list(of_set(objects, [OLD, *versions] if name in FOR_OLD else versions, candor))
        found += [f"{name}: {problem}" for problem in problems]
        kinds = " ".join(sorted(each["kind"] + " (skipped)" * (each["kind"] in FOREIGN) for each in objects))
        print(f"{name}: {kinds}")
        path = pathlib.Path(folder, re.sub(r"\W+", "-", name) + ".yaml")
        path.write_text(yaml.safe_dump_all(each for each in objects if each["kind"] not in FOREIGN))
    found += chart_problems()
    production = sets["kubernetes/overlays/production"]
    found += [f"a pod with bad {word} is taken" for word in unnoticed_in_pods(pod_of(production))]
    found += [f"nobody notices: {word}" for word in unnoticed_in_sets(production, versions, candor)]
    if not any(list(schema_problems(each, [OLD])) for each in sets["kubernetes/base"]):
        found.append(f"Kubernetes {OLD} takes a native sidecar")
    found += twins(sets["kubernetes/base"], sets["helm/candor, the least"])
    print(f"{len(sets)} sets of manifests, Kubernetes {', '.join(versions)}")
    sys.exit("\n".join(found) or 0)


def kustomized():
    """What kustomize makes of the base and every overlay."""
    folders = [DEPLOY / "kubernetes/base", *sorted((DEPLOY / "kubernetes/overlays").iterdir())]
    made = {}
    for folder in folders:
        run = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
        # Warnings are about fields that the next kustomize may not take.
        if run.returncode or run.stderr:
            sys.exit(f"{folder}: {run.stderr}")
        made[str(folder.relative_to(DEPLOY))] = list(yaml.safe_load_all(run.stdout))
    return made


def rendered():
    """What Helm makes of the chart."""
    given = {path.name: yaml.safe_load(path.read_text()) for path in CHART.parent.glob("*.yaml")}
    # What the page's commands set.
    settings = re.findall(r"^helm \S+ \S+ deploy/helm/candor .*--set (\S+)", PAGE.read_text(), re.MULTILINE)
    given |= {f"--set {text}": helm.parse_set_string(text) for text in settings}
    with helm.Chart.load(CHART) as chart:
        return {f"helm/candor, {name}": release(chart, values) for name, values in (VALUES | given).items()}


def release(chart, values):
    chart.validate_schema(values)
    files = chart.render(values, name="legacy", namespace="legacy")
    texts = [text for path, text in files.items() if not path.endswith("NOTES.txt")]
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


def plain():
    """Manifests that are files."""
    paths = [DEPLOY / "istio/sidecar.yaml", DEPLOY / "envoy-gateway/policy.yaml"]
    return {str(path.relative_to(DEPLOY)): list(yaml.safe_load_all(path.read_text())) for path in paths}


def documented():
    """Manifests that stand on the page, each by itself."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    objects = [each for block in blocks for each in yaml.safe_load_all(block)]
    return {f"docs/kubernetes.md, {each['kind']}": [each] for each in objects}


def of_set(objects, versions, candor):
    """What is wrong with objects that are applied together."""
    for each in objects:
        name = f"{each['kind']} {each['metadata']['name']}"
        if each["kind"] not in FOREIGN:
            yield from (f"{name}: {problem}" for problem in schema_problems(each, versions))
        yield from (f"{name}: {problem}" for problem in reference_problems(each, objects))
        if each["kind"] == "ConfigMap" and "candor.yaml" in each["data"]:
            yield from (f"{name}: {problem}" for problem in configuration_problems(each["data"]["candor.yaml"], candor))
        if each["kind"] in ("Deployment", "Job"):
            yield from (f"{name}: {problem}" for problem in restricted.problems(each["spec"]["template"]["spec"]))


def schema_problems(each, versions):
    for version in versions:
        try:
            kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.path)
            yield f"Kubernetes {version}: {path}: {error.message}"


def reference_problems(each, objects):
    """Names that nothing has: what a schema cannot see."""
    spec = each.get("spec", {})
    if each["kind"] in ("Service", "NetworkPolicy", "PodMonitor"):
        selector = spec["selector"] if each["kind"] == "Service" else spec.get("podSelector", spec.get("selector"))
        yield from selector_problems(each, selector.get("matchLabels", selector), objects)
    if each["kind"] == "PodDisruptionBudget":
        yield from selector_problems(each, spec["selector"]["matchLabels"], objects)
    if each["kind"] == "Deployment":
        yield from deployment_problems(spec, objects)


def selector_problems(each, labels, objects):
    deployments = [other for other in objects if other["kind"] == "Deployment"]
    chosen = [d for d in deployments if labels and labels.items() <= d["spec"]["template"]["metadata"]["labels"].items()]
    if not chosen:
        yield f"selects no pod by {labels}"
    for deployment in chosen:
        ports = [port for c in restricted.containers(deployment["spec"]["template"]["spec"]) for port in c.get("ports", [])]
        known = {port["containerPort"] for port in ports} | {port.get("name") for port in ports}
        for port in ports_named_by(each):
            if port not in known:
                yield f"port {port} is none of {deployment['metadata']['name']}'s"


def ports_named_by(each):
    spec = each["spec"]
    if each["kind"] == "Service":
        return [port["targetPort"] for port in spec["ports"]]
    if each["kind"] == "PodMonitor":
        return [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]]
    return [port["port"] for rule in spec.get("ingress", []) for port in rule.get("ports", [])]


def deployment_problems(spec, objects):
    pod = spec["template"]["spec"]
    if not spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items():
        yield "selects none of its own pods"
    maps = {other["metadata"]["name"] for other in objects if other["kind"] == "ConfigMap"}
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    for volume in volumes.values():
        if "configMap" in volume and volume["configMap"]["name"] not in maps:
            yield f"there is no ConfigMap {volume['configMap']['name']}"
    for container in restricted.containers(pod):
        own = {port.get("name") for port in container.get("ports", [])}
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"container {container['name']}: there is no volume {mount['name']}"
            if "subPath" in mount:
                yield f"container {container['name']}: what is mounted by `subPath` never changes"
        for handler in restricted.handlers(container):
            port = handler.get("httpGet", {}).get("port", 0)
            if isinstance(port, str) and port not in own:
                yield f"container {container['name']}: a probe of port {port}, which is not its own"
        hook = container.get("lifecycle", {}).get("preStop", {})
        waits = [str(hook.get("sleep", {}).get("seconds", 0)), *hook.get("exec", {}).get("command", [])[-1:]]
        longest = max(int(wait) for wait in waits if wait.isdigit())
        if longest >= pod.get("terminationGracePeriodSeconds", 30):
            yield f"container {container['name']}: its hook takes all of the grace period"


def configuration_problems(text, candor):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        check = subprocess.run([candor, "check", "-c", file.name], capture_output=True, text=True, check=False)
        if check.returncode:
            yield check.stdout + check.stderr


def chart_problems():
    """Whether the chart's own lint and its schema do their part."""
    report = helm.lint(CHART, VALUES["the least"], strict=True)
    yield from report["errors"]
    # Its one word of advice is about an icon.
    yield from (f"helm lint: {message}" for message in report["messages"] if message["severity"] > 1)
    with helm.Chart.load(CHART) as chart:
        for word, values in WRONG_VALUES.items():
            try:
                chart.validate_schema(values)
                yield f"the chart's schema takes {values}"
            except helm.HelmValuesError as error:
                if word not in str(error):
                    yield f"the chart's schema says nothing of {word}: {error}"


def pod_of(objects):
    return next(each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment")


def sidecar(deployment):
    return deployment["spec"]["template"]["spec"]["initContainers"][0]


def unnoticed_in_sets(good, versions, candor):
    """Changes for the worse that leave each object valid, and the whole broken, unseen."""
    for word, (kind, worsen) in BAD_SETS.items():
        objects = copy.deepcopy(good)
        worsen(next(each for each in objects if each["kind"] == kind))
        if not any(word in problem for problem in of_set(objects, versions, candor)):
            yield word


def unnoticed_in_pods(good):
    """Changes for the worse that the profile's check does not see."""
    for word, worsen in BAD_PODS.items():
        pod = copy.deepcopy(good)
        worsen(pod)
        if not any(word in problem for problem in restricted.problems(pod)):
            yield word


def twins(base, chart):
    """The chart's pod is the base's, but for what the two call its ConfigMap."""
    base, chart = (re.sub(r"name: (legacy-)?candor\b", "name: candor", yaml.safe_dump(pod_of(it))) for it in (base, chart))
    if base != chart:
        yield f"the base's pod and the chart's are not the same:\n{base}\n---\n{chart}"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
