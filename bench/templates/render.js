// The four templates on velocityjs, with the paths looked up by hand: it brings no JSONPath. Prints the output of each
// once, then microseconds of processor time a render in the best round when the compiler is warm.

const fs = require("fs");
const path = require("path");
const { Compile, parse } = require("velocityjs");

const [, , answer, ...files] = process.argv;
const body = fs.readFileSync(answer, "utf8");

function look(document, expression) {
  const names = expression.split(".").slice(1);
  return names.reduce((value, name) => value?.[name], document);
}

function variables() {
  const document = JSON.parse(body);
  return {
    input: {
      path: (expression) => look(document, expression),
      json: (expression) => JSON.stringify(look(document, expression)),
    },
    util: {
      parseJson: JSON.parse,
      escapeJavaScript: (text) => text.replace(/['"\\/]/g, "\\$&"),
    },
    context: { responseOverride: { header: {} } },
  };
}

for (const file of files) {
  const template = new Compile(parse(fs.readFileSync(file, "utf8")));
  process.stderr.write(template.render(variables()));
  let best = Infinity;
  for (let round = 0; round < 10; round++) {
    const start = process.cpuUsage();
    for (let turn = 0; turn < 50_000; turn++) template.render(variables());
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 50_000);
  }
  console.log(`velocityjs ${path.basename(file)} ${best.toFixed(2)}`);
}
