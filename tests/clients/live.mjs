// What an app does to stay up to date: graphql-ws and graphql-sse, and the delta query after a change.
import { createClient as createSocketClient } from "graphql-ws";
import { createClient as createStreamClient } from "graphql-sse";
import { WebSocket } from "ws";

const [url, city] = process.argv.slice(2);
const socket = createSocketClient({ url: url.replace("http", "ws"), webSocketImpl: WebSocket, retryAttempts: 0 });
const stream = createStreamClient({ url: `${url}/stream`, retryAttempts: 0 });
const shared = createStreamClient({ url: `${url}/stream`, singleConnection: true, retryAttempts: 0 });
const subscription = { query: "subscription ($city: String!) { changes(city: $city) { module } }", variables: { city } };
const delta = {
  query: `query ($city: String!, $since: String) {
    city(slug: $city) { changes(since: $since, modules: ["news"]) { cursor reset items { module type deleted node { title } } } }
  }`,
};

async function first(client, operation) {
  for await (const result of client.iterate(operation)) return result;
}

async function failing(client) {
  try {
    return await first(client, { query: "{ nonsense }" });
  } catch (errors) {
    return { errors };
  }
}

const before = await first(socket, { ...delta, variables: { city } });
const since = before.data.city.changes.cursor;
console.error("ready");
const [bySocket, byStream, byShared] = await Promise.all([socket, stream, shared].map((one) => first(one, subscription)));
const after = await first(stream, { ...delta, variables: { city, since } });
const again = await first(socket, { ...delta, variables: { city, since } });
// Several operations on one stream, begun and ended by requests that arrive at either worker.
const queries = Array.from({ length: 8 }, () => first(shared, { query: "{ __typename }" }));
const onOne = (await Promise.all(queries)).map((result) => result.data.__typename);
const refused = await first(shared, { query: "{ nonsense }" }).catch((error) => error.response.status);
const codes = [];
for (const client of [socket, stream]) codes.push((await failing(client)).errors[0].extensions.code);
console.log(JSON.stringify({ before, bySocket, byStream, byShared, onOne, refused, after, again, codes }));
await socket.dispose();
stream.dispose();
shared.dispose();
process.exit(0);
