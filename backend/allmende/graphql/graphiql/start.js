// Starts GraphiQL on this instance's own endpoint, with the operation that the address carries (a city's preview links so).
"use strict";
const given = new URLSearchParams(location.search);
const example = `# Ctrl+Enter runs this; Ctrl+Space completes; the book on the left opens the documentation.
{
  cities(first: 10) {
    totalCount
    nodes { slug name modules { name title status } }
  }
}
`;
const fetcher = async (operation) => {
  const answer = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json" },
    body: JSON.stringify(operation),
  });
  return answer.json();
};
let variables = given.get("variables") || undefined;
try { variables = variables && JSON.stringify(JSON.parse(variables), null, 2); } catch { /* shown as it was given */ }
ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, { fetcher, defaultQuery: example, query: given.get("query") || undefined, variables }),
);
