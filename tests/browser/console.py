#!/usr/bin/env python3
"""Walks the console in a real browser, as its users do: every view, live updates, the playground's round trip to
`candor test`, by keyboard alone, on a phone's width, in both themes. Fails on any error in the browser's console, on any
request that leaves the listener, on text of too little contrast and on controls without a name.

Usage: console.py CANDOR CHROMIUM [--images FOLDER]    needs Playwright for Python
"""

import argparse
import contextlib
import http.client
import http.server
import itertools
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000
TOKEN = "a-token-of-many-characters"
# An API Gateway definition.
STATUS_MAPPING = Path(__file__).parents[2] / "deploy/examples/status-mapping/api.yaml"

# Text whose contrast to what is behind it is below WCAG's AA, and controls that nothing names.
FINDINGS = """() => {
  const findings = [];
  const parse = (text) => {
    const [r, g, b, a = 1] = (text.match(/[\\d.]+/g) ?? []).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => Object.fromEntries(
    ["r", "g", "b"].map((key) => [key, top[key] * top.a + below[key] * (1 - top.a)]));
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a > 0) layers.push(colour);
      if (colour.a === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255 });
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const style = getComputedStyle(element);
    const isShown = texts.currentNode.textContent.trim() && element.checkVisibility() && element.getClientRects().length;
    if (!isShown || element.closest(":disabled, option")) continue;
    if (/^(null|undefined|false|NaN|\\[object .*)$/.test(texts.currentNode.textContent.trim()) && !element.closest("code, pre, .mono"))
      findings.push(`nothing, shown as ${texts.currentNode.textContent.trim()}`);
    const below = behind(element);
    const own = parse(element.closest("svg") ? style.fill : style.color);
    const [a, b] = [light(over(own, below)), light(below)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) findings.push(`contrast ${ratio.toFixed(2)}: ${texts.currentNode.textContent.trim().slice(0, 60)}`);
  }
  for (const control of document.querySelectorAll("input, select, textarea, button, a")) {
    const name = control.labels?.[0]?.textContent ?? control.getAttribute("aria-label") ?? control.textContent;
    if (control.checkVisibility() && !name?.trim()) findings.push(`without a name: ${control.outerHTML.slice(0, 80)}`);
  }
  for (const id of [...document.querySelectorAll("[id]")].map((element) => element.id))
    if (document.querySelectorAll(`[id="${id}"]`).length > 1) findings.push(`twice: #${id}`);
  if (document.querySelectorAll("h1").length !== 1) findings.push("there must be one h1");
  if (document.documentElement.scrollWidth > innerWidth) findings.push(`wider than the window: ${document.documentElement.scrollWidth}`);
  return findings;
}"""


@contextlib.contextmanager
def running(candor, *arguments, patterns, **environment):
    """The program; gives what the patterns find in its output, in order. It is ended at the end."""
    command = [candor, *arguments, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"], **environment})
    try:
        found = []
        for pattern in patterns:
            line = next((line for line in program.stdout if re.search(pattern, line)), None)
            assert line, f"{command} ended without saying {pattern}"
            groups = re.search(pattern, line).groups()
            found.append(groups if len(groups) > 1 else groups[0])
        # What is logged from now on must go somewhere, or the program waits.
        threading.Thread(target=program.stdout.read, daemon=True).start()
        yield found
    finally:
        program.terminate()
        program.wait()


def demo(candor):
    return running(candor, "demo", patterns=[r"listens on http://([\d.:]+\d)", r"rules out: http://([\d.:]+\d)"])


def serve(candor):
    return running(
        candor, "serve", "--upstream", "http://127.0.0.1:9", patterns=[r'"admin":"([^"]+)"'], CANDOR_ADMIN__TOKEN=TOKEN
    )


class Traffic:
    """A client of the sidecar."""

    def __init__(self, address):
        self.address = address
        self.numbers = itertools.count(1)

    def ask(self, path):
        """The status and the id on the answer."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.request("GET", path, headers={"x-request-id": f"walk-{next(self.numbers)}"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers["x-request-id"]


class Walk:
    """A page of the console, and what must be true of it all the way."""

    def __init__(self, browser, admin, **options):
        self.base = f"http://{admin}/"
        self.problems = []
        self.page = browser.new_context(accept_downloads=True, **options).new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda message: message.type in ("error", "warning") and self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self.stays)

    def stays(self, request):
        if not request.url.startswith((self.base, "data:", f"blob:{self.base}")):
            self.problems.append(f"a request left the listener: {request.url}")

    def open(self, view):
        self.page.goto(f"{self.base}#/{view}")
        expect(self.page.locator("h1")).to_be_visible()

    def expects(self, answer):
        """The browser itself notes an answer of 4xx as an error; this one was asked for."""
        assert any(answer in problem for problem in self.problems), f"there was no {answer}: {self.problems}"
        self.problems = [problem for problem in self.problems if answer not in problem]

    def check(self, what):
        self.problems += self.page.evaluate(FINDINGS)
        assert not self.problems, f"{what}: {self.problems}"
        print(f"ok {what}")


def overview(walk, traffic):
    walk.open("overview")
    requests = walk.page.locator(".quarter").first.locator(".figure")
    before = int(requests.inner_text())
    traffic.ask("/status-field")
    expect(requests).to_have_text(str(before + 1))
    expect(walk.page.get_by_role("img", name="Statuses from the upstream")).to_be_visible()
    walk.check("overview counts what comes")


def live(walk, traffic):
    walk.open("live")
    page = walk.page
    rows = page.locator(".exchange")
    expect(rows.first).to_be_visible()
    traffic.ask("/success-flag")
    expect(rows.first).to_contain_text("/success-flag")
    _, request_id = traffic.ask("/status-field")
    expect(rows.first).to_contain_text("/status-field")
    expect(rows.first).to_contain_text("404")
    rows.first.click()
    expect(page.locator(".detail")).to_contain_text(request_id)
    expect(page.locator(".way .fired")).to_contain_text("status-field/statusCode")
    walk.check("live tells exchanges as they come, and opens one")

    page.get_by_role("button", name="Pause").click()
    traffic.ask("/soap-1.1")
    expect(page.get_by_role("status").filter(has_text="1 waiting")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(rows.first).to_contain_text("/soap-1.1")

    page.get_by_label("Has the text").fill("graphql")
    expect(rows.first).to_contain_text("/graphql")
    expect(page.get_by_text("/soap-1.1")).to_have_count(0)
    page.get_by_label("Has the text").fill("")
    page.get_by_label("Show").select_option(label="All")
    traffic.ask("/healthy")
    expect(rows.first).to_contain_text("/healthy")
    walk.check("live pauses and filters")


def rules(walk):
    walk.open("rules")
    page = walk.page
    used = page.locator("tr", has_text=re.compile("status-field/statusCode"))
    expect(used).to_be_visible()
    expect(page.get_by_text("never hit", exact=True).first).to_be_visible()
    page.get_by_label("Only rules that were never hit").check()
    expect(used).to_have_count(0)
    walk.check("rules tell what they did and which were never hit")
    page.get_by_role("link", name="Try out demo").click()
    expect(page.get_by_label("Rule set demo")).to_have_value(re.compile("not-found-text"))


def playground(walk, traffic, candor):
    walk.open("playground")
    page = walk.page
    page.get_by_label("Begin with").select_option(label="Only the words say so")
    response = page.get_by_label("The final response")
    expect(response).to_contain_text("404 Not Found")
    expect(page.locator("mark", has_text="record not found")).to_be_visible()
    walk.check("the playground shows every comparison")

    page.get_by_label("Rules to meet").select_option("demo")
    editor = page.get_by_label("Rule set demo")
    text = editor.input_value()
    editor.fill(text.replace("status: 404", "stat: 404"))
    expect(page.get_by_role("alert")).to_contain_text("Line ")
    expect(page.get_by_role("alert")).to_contain_text("did you mean `status`")
    editor.fill(text.replace("status: 404", "status: 410"))
    expect(response).to_contain_text("410 Gone")
    walk.expects("a status of 422")
    assert traffic.ask("/error-text")[0] == 404, "editing changes nothing that is served"

    page.get_by_label("The fact it states").fill("A record that is gone is 410")
    page.get_by_role("button", name="Write the case").click()
    expect(page.get_by_label("The case")).to_contain_text("cases:")
    walk.check("the playground tries edited rules")
    holds(page, candor)
    print("ok a case that is saved is accepted by `candor test`")


def holds(page, candor):
    """Saves the case that is shown and has it played."""
    with page.expect_download() as download:
        page.get_by_role("link", name="Save").click()
    with tempfile.TemporaryDirectory() as folder:
        case = Path(folder, download.value.suggested_filename)
        download.value.save_as(case)
        played = subprocess.run([candor, "test", case], capture_output=True, text=True)
        assert played.returncode == 0 and "1 held" in played.stdout, played.stdout + played.stderr


def why(walk, traffic):
    _, request_id = traffic.ask("/graphql")
    walk.open("why")
    page = walk.page
    page.get_by_label("Request id").fill(request_id)
    page.keyboard.press("Enter")
    expect(page.locator(".way .fired")).to_contain_text("graphql/errors")
    walk.check("why tells which rule decided")
    walk.open("why/nobody")
    expect(page.get_by_text("That one is not kept")).to_be_visible()
    walk.expects("a status of 404")
    walk.check("why says what is not kept")


def keyboard(walk):
    """From a fresh page to a rule tried and kept, without a mouse."""
    page = walk.page
    walk.open("overview")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()

    def tab_to(locator):
        for _ in range(60):
            if locator.evaluate("element => element === document.activeElement"):
                outline = locator.evaluate("element => getComputedStyle(element).outlineStyle")
                assert outline != "none", "what has the focus is marked"
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"cannot be reached by keyboard: {locator}")

    tab_to(page.get_by_role("link", name="Playground"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Playground")).to_be_focused()
    tab_to(page.get_by_label("Rules to meet"))
    page.keyboard.type("demo")
    tab_to(page.get_by_label("Rule set demo"))
    tab_to(page.get_by_role("button", name="Try", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_label("The final response")).to_contain_text("404 Not Found")
    tab_to(page.get_by_role("button", name="Write the case"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("The case")).to_contain_text("rule: status-field/statusCode")
    walk.check("all of it can be done by keyboard")


def everywhere(browser, admin, request_id, scheme, width):
    """Each view with something in it."""
    walk = Walk(browser, admin, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = walk.page
    walk.open("overview")
    expect(page.get_by_role("img", name="Statuses from the upstream")).to_be_visible()
    walk.check(f"overview, {scheme}, {width} wide")
    walk.open("live")
    page.locator(".exchange").first.click()
    expect(page.locator(".way .fired")).to_be_visible()
    walk.check(f"live, {scheme}, {width} wide")
    walk.open("rules")
    walk.check(f"rules, {scheme}, {width} wide")
    walk.open("playground?set=demo")
    expect(page.get_by_label("The final response")).to_be_visible()
    for summary in page.locator("details.more > summary").all():
        summary.click()
    walk.check(f"playground, {scheme}, {width} wide")
    walk.open(f"why/{request_id}")
    expect(page.locator(".way .fired")).to_be_visible()
    walk.check(f"why, {scheme}, {width} wide")


def token(browser, candor):
    with serve(candor) as (admin,):
        walk = Walk(browser, admin)
        walk.open("overview")
        for text in ["wrong", TOKEN]:
            walk.page.get_by_label("Token").fill(text)
            walk.page.get_by_role("button", name="Open").click()
        expect(walk.page.get_by_text("No requests yet")).to_be_visible()
        walk.expects("a status of 401")
        walk.check("the token is asked for, and what is empty says so")


def gateway(browser, candor):
    """Where an API Gateway definition is loaded, the playground shows its stages."""
    arguments = ["serve", "--openapi", STATUS_MAPPING, "--upstream", "http://127.0.0.1:9", "--lambda", "sample=http://127.0.0.1:9/x"]
    with running(candor, *arguments, patterns=[r'"admin":"([^"]+)"']) as (admin,):
        walk = Walk(browser, admin)
        walk.open("playground?path=/raised/400")
        walk.page.get_by_label("Status line").fill('HTTP/1.1 200 OK\n\n{"errorMessage": "Raising 400 now"}')
        stages = walk.page.locator(".panel", has_text="Stage by stage")
        expect(stages).to_contain_text(".*4\\d\\d.*")
        expect(walk.page.get_by_label("The final response")).to_contain_text("400 Bad Request")
        walk.check("an API is shown stage by stage")
        page = walk.page
        page.get_by_label("Rules to meet").select_option("(definition)")
        editor = page.get_by_label("Definition ")
        expect(editor).to_have_value(re.compile(r'\{"message": \$input'))
        text = editor.input_value()
        editor.fill(text.replace('{"message": $input', '{"because": $input'))
        expect(page.get_by_label("The final response")).to_contain_text('{"because": "Raising 400 now"}')
        walk.check("a mapping template of a definition is edited in place")
        editor.fill(text.replace("#set($context.responseOverride.status = 400)", "#if("))
        expect(page.get_by_role("alert")).to_contain_text("Line ")
        walk.expects("a status of 422")
        editor.fill(text.replace('{"message": $input', '{"because": $input'))
        page.get_by_role("button", name="Write the case").click()
        holds(page, candor)
        walk.check("and kept as a case")


SHOP = """
version: 1
upstreams: { legacy: { url: "http://127.0.0.1:9" } }
rule_sets:
  shop:
    rules:
      - { name: gone, when: { json: $.code }, then: { status: 410, body: { template: { file: gone.vtl } } } }
"""


def templates(browser, candor):
    """The template files of the configuration, shown, named and edited; no other is read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "candor.yaml").write_text(SHOP)
        Path(folder, "gone.vtl").write_text("gone: $input.path('$.code')\n")
        Path(folder, "secret.vtl").write_text("a secret")
        arguments = ["serve", "-c", Path(folder, "candor.yaml")]
        with running(candor, *arguments, patterns=[r'"admin":"([^"]+)"']) as (admin,):
            walk = Walk(browser, admin)
            page = walk.page
            walk.open("playground?set=shop")
            page.get_by_label("Status line").fill('HTTP/1.1 200 OK\ncontent-type: application/json\n\n{"code": 7}')
            response = page.get_by_label("The final response")
            expect(response).to_contain_text("gone: 7")
            editor = page.get_by_label("Text of gone.vtl")
            expect(editor).to_have_value("gone: $input.path('$.code')\n")
            walk.check("a template file is shown with its text")

            editor.fill("left: $input.path('$.code')\n")
            expect(response).to_contain_text("left: 7")
            editor.fill("#if(")
            expect(page.get_by_role("alert")).to_contain_text("gone.vtl, line 1: ")
            editor.fill("left: $input.path('$.code')\n")
            rules = page.get_by_label("Rule set shop")
            text = rules.input_value()
            assert "template: { file: gone.vtl }" in text, text
            rules.fill(text.replace("gone.vtl", "secret.vtl"))
            expect(page.get_by_role("alert")).to_contain_text("`secret.vtl` is no template file of the configuration")
            rules.fill(text.replace("410", "404"))
            expect(response).to_contain_text("404 Not Found")
            expect(response).to_contain_text("left: 7")
            walk.expects("a status of 422")
            walk.check("a template file is edited in place")
            page.get_by_role("button", name="Write the case").click()
            expect(page.get_by_label("The case")).to_contain_text("left: $input.path")
            holds(page, candor)
            page.get_by_role("button", name="Back to those in force").click()
            expect(response).to_contain_text("gone: 7")
            expect(editor).to_have_value("gone: $input.path('$.code')\n")
            assert Path(folder, "gone.vtl").read_text().startswith("gone: "), "editing changes no file"
            walk.open("playground?set=shop")
            page.get_by_label("Rules to meet").select_option("(new)")
            page.get_by_label("Template file").select_option("gone.vtl")
            expect(page.get_by_label("Text of gone.vtl")).to_be_visible()
            walk.check("new rules may name it, too")


def images(browser, admin, traffic, folder):
    """A picture of each view, after some minutes' worth of traffic."""
    walk = Walk(browser, admin, viewport={"width": 1180, "height": 860})
    page = walk.page

    def picture(name):
        # Until colours have changed over.
        page.wait_for_timeout(400)
        page.screenshot(path=folder / f"console-{name}.png")

    for number in range(40):
        for path in ["/healthy", "/healthy", "/healthy", "/status-field", "/error-text", "/soap-1.1"][: 3 + number % 4]:
            traffic.ask(path)
        page.wait_for_timeout(300)
    for path in ["/big", "/soap-1.1"]:
        traffic.ask(path)
    walk.open("overview")
    page.set_viewport_size({"width": 1180, "height": 940})
    picture("overview")
    walk.open("live")
    # Until those of the past have come, the newest of which is the first.
    page.wait_for_timeout(1000)
    page.locator(".exchange").first.click()
    expect(page.locator(".detail .fired")).to_be_visible()
    picture("live")
    walk.open("rules")
    picture("rules")
    walk.open("playground?set=demo")
    page.get_by_label("Begin with").select_option(label="Only the words say so")
    expect(page.locator("mark", has_text="record not found")).to_be_visible()
    picture("playground")
    _, request_id = traffic.ask("/graphql")
    walk.open(f"why/{request_id}")
    expect(page.locator(".way .fired")).to_be_visible()
    picture("why")


class Backend(http.server.BaseHTTPRequestHandler):
    """Says 200 to everything, and in the body what happened."""

    def do_GET(self):
        body = b'{"statusCode": 404, "password": "hunter2"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        """As a function that has thrown."""
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"errorMessage": "Raising 400 now", "password": "hunter2"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("x-amz-function-error", "Unhandled")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def capturing(browser, candor, path, *arguments):
    """A sidecar before a backend, that has captured one exchange; gives the page on which it was looked up."""
    backend = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    upstream = f"http://127.0.0.1:{backend.server_port}"
    arguments = ["serve", "--upstream", upstream, *(argument.replace("UPSTREAM", upstream) for argument in arguments)]
    patterns = [r'"listen":"([^"]+)".*"admin":"([^"]+)"']
    with tempfile.TemporaryDirectory() as folder:
        with running(candor, *arguments, patterns=patterns, CANDOR_CAPTURE__FOLDER=folder) as ((address, admin),):
            _, request_id = Traffic(address).ask(path)
            walk = Walk(browser, admin)
            # It is written down soon after the client has its answer.
            for _ in range(100):
                walk.open(f"why/{request_id}")
                walk.page.locator(".facts").wait_for()
                if walk.page.get_by_label("The captured answer").count():
                    break
                walk.page.reload()
            yield walk
    backend.shutdown()


def captured(browser, candor):
    """Where exchanges are captured, one that is opened shows what each rule found in it, or what an API made of it."""
    with capturing(browser, candor, "/orders/17", "--rule", "$.statusCode:4\\d{2} -> $.statusCode") as walk:
        expect(walk.page.get_by_label("The captured answer")).to_contain_text('"password": "[redacted]"')
        expect(walk.page.locator(".way .fired")).to_contain_text("$.statusCode matches")
        walk.check("a captured exchange shows what each rule found in it")
    with capturing(browser, candor, "/raised/400", "--openapi", str(STATUS_MAPPING), "--lambda", "sample=UPSTREAM/x") as walk:
        page = walk.page

        def is_told():
            stages = page.locator(".panel", has_text="Stage by stage").last
            expect(stages).to_contain_text(".*4\\d\\d.*")
            expect(stages.locator("li", has_text="Method response")).to_contain_text("400")
            expect(page.get_by_label("The captured answer")).to_contain_text('"password": "[redacted]"')

        is_told()
        walk.check("why shows a captured exchange of an API stage by stage")
        walk.open("live")
        expect(page.locator(".exchange").first).to_contain_text("through the API")
        page.locator(".exchange").first.click()
        is_told()
        walk.check("live shows a captured exchange of an API stage by stage")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("candor")
    arguments.add_argument("chromium")
    arguments.add_argument("--images", type=Path)
    given = arguments.parse_args()
    # A build that is not optimized, on a machine that does other things, takes its time.
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright, demo(given.candor) as (address, admin):
        browser = playwright.chromium.launch(executable_path=given.chromium, args=FLAGS)
        traffic = Traffic(address)
        if given.images:
            images(browser, admin, traffic, given.images)
            return 0
        walk = Walk(browser, admin, viewport={"width": 1280, "height": 900})
        overview(walk, traffic)
        live(walk, traffic)
        rules(walk)
        playground(walk, traffic, given.candor)
        why(walk, traffic)
        keyboard(Walk(browser, admin))
        _, request_id = traffic.ask("/status-field")
        for scheme, width in itertools.product(["light", "dark"], [1280, 800, 390]):
            everywhere(browser, admin, request_id, scheme, width)
        token(browser, given.candor)
        gateway(browser, given.candor)
        templates(browser, given.candor)
        captured(browser, given.candor)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
