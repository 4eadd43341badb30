// Asking the API: with the token where one is needed, and live exchanges as they come.

const KEY = "candor-token";

export class Unauthorized extends Error {}

export function remember(token) {
  sessionStorage.setItem(KEY, token);
}

function headers(more = {}) {
  const token = sessionStorage.getItem(KEY);
  return token ? { ...more, authorization: `Bearer ${token}` } : more;
}

async function answered(path, options) {
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}`, { ...options, headers: headers(options.headers), cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("Candor cannot be reached. Is it still running?");
  }
  if (answer.ok || answer.status === 422) return answer;
  const problem = await answer.json().catch(() => ({}));
  const Kind = answer.status === 401 ? Unauthorized : Error;
  throw new Kind(problem.detail ?? `Candor answered ${answer.status}`);
}

export async function get(path, signal) {
  return (await answered(path, { signal })).json();
}

export async function post(path, value, signal) {
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value), signal };
  return (await answered(path, options)).json();
}

/** Server-sent events until the signal ends it. `EventSource` could not send the token. */
export async function listen(path, signal, tell) {
  const answer = await answered(path, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (waiting + value).split("\n\n");
    waiting = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
      if (data.length) tell(JSON.parse(data.join("\n")));
    }
  }
}
