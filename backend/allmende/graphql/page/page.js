"use strict";
const $ = (id) => document.getElementById(id);
const given = new URLSearchParams(location.search);
const EXAMPLE = `query Cities($search: String!) {
  cities(first: 5, search: $search) {
    totalCount
    nodes {
      slug
      name
      modules { name title status }
    }
  }
}
`;
$("query").value = given.get("query") || EXAMPLE;
$("variables").value = given.get("variables") || (given.get("query") ? "{}" : '{ "search": "" }');

async function ask(query, variables) {
  const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json" };
  if ($("language").value.trim()) headers["Accept-Language"] = $("language").value.trim();
  const response = await fetch("/graphql", { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  return { status: response.status, body: await response.json() };
}

async function run() {
  let variables;
  try {
    variables = JSON.parse($("variables").value || "{}");
  } catch (error) {
    $("status").textContent = `The variables are no JSON: ${error.message}`;
    $("variables").focus();
    return;
  }
  $("status").textContent = "Asking …";
  const began = performance.now();
  try {
    const { status, body } = await ask($("query").value, variables);
    const count = (body.errors || []).length;
    const errors = count === 0 ? "no errors" : count === 1 ? "1 error" : `${count} errors`;
    $("status").textContent = `HTTP ${status}, ${errors}, ${Math.round(performance.now() - began)} ms`;
    $("answer").textContent = JSON.stringify(body, null, 2);
    const address = new URLSearchParams({ query: $("query").value, variables: $("variables").value });
    history.replaceState(null, "", `?${address}`);
  } catch (error) {
    $("status").textContent = `No answer: ${error.message}`;
  }
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});

let leaving = false;
for (const id of ["query", "variables"]) {
  $(id).addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    } else if (event.key === "Escape") {
      leaving = true;
    } else if (event.key === "Tab" && !event.shiftKey && !leaving && id === "query") {
      event.preventDefault();
      $(id).setRangeText("  ", $(id).selectionStart, $(id).selectionEnd, "end");
    } else {
      leaving = false;
    }
  });
  $(id).addEventListener("focus", () => (leaving = false));
}

const INTROSPECTION = `{ __schema { types { name kind description
  fields { name description args { name type { ...T } } type { ...T } }
  inputFields { name description type { ...T } } enumValues { name description } } } }
fragment T on __Type { name kind ofType { name kind ofType { name kind ofType { name } } } }`;

function typeName(type) {
  if (type.kind === "NON_NULL") return `${typeName(type.ofType)}!`;
  if (type.kind === "LIST") return `[${typeName(type.ofType)}]`;
  return type.name;
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text || "";
  return made;
}

let types = [];
function showSchema() {
  const wanted = $("find").value.trim().toLowerCase();
  const shown = types.flatMap((type) => {
    const all = type.fields || type.inputFields || type.enumValues || [];
    const whole = type.name.toLowerCase().includes(wanted);
    const fields = whole ? all : all.filter((field) => field.name.toLowerCase().includes(wanted));
    return whole || fields.length ? [{ type, fields }] : [];
  });
  $("schema").replaceChildren(
    ...shown.slice(0, 200).map(({ type, fields }) => {
      const box = document.createElement("details");
      box.open = wanted !== "" && shown.length <= 5;
      box.append(element("summary", `${type.name} · ${(type.description || "").split("\n")[0]}`));
      const list = document.createElement("dl");
      for (const field of fields) {
        const args = (field.args || []).map((arg) => `${arg.name}: ${typeName(arg.type)}`).join(", ");
        const signature = `${field.name}${args ? `(${args})` : ""}${field.type ? `: ${typeName(field.type)}` : ""}`;
        list.append(element("dt", signature), element("dd", field.description));
      }
      box.append(list);
      return box;
    }),
  );
}
$("find").addEventListener("input", showSchema);
ask(INTROSPECTION, {}).then(({ body }) => {
  types = body.data.__schema.types.filter((type) => !type.name.startsWith("__"));
  types.sort((a, b) => (b.name === "Query") - (a.name === "Query") || a.name.localeCompare(b.name));
  showSchema();
});
