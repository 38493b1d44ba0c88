// urql as app developers use it: POST, GET, and persisted queries.
import { readFileSync } from "node:fs";
import { Client, fetchExchange, gql } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { recorded, sha256, wire } from "./recording.mjs";

const [url, registered] = process.argv.slice(2);
const QUERY = gql`query Places($city: String!) { city(slug: $city) { slug name } }`;

async function ask({ exchanges = [], preferGetMethod = false, query = QUERY, times = 1 }) {
  const client = new Client({ url, fetch: recorded, preferGetMethod, exchanges: [...exchanges, fetchExchange] });
  wire.length = 0;
  const answers = [];
  for (let time = 0; time < times; time += 1) {
    const { data, error } = await client.query(query, { city: "beckum" }, { requestPolicy: "network-only" }).toPromise();
    answers.push(error ? `${error}` : data.city.slug);
  }
  return { answers, wire: [...wire] };
}

const text = readFileSync(registered, "utf8");
const automatic = persistedExchange({ preferGetForPersistedQueries: true, generateHash: async (query) => sha256(query) });
const known = persistedExchange({
  preferGetForPersistedQueries: true,
  enforcePersistedQueries: true,
  generateHash: async () => sha256(text),
});
const failed = await new Client({ url, fetch, exchanges: [fetchExchange] }).query(gql`{ nosuch }`, {}).toPromise();
console.log(JSON.stringify({
  post: await ask({}),
  get: await ask({ preferGetMethod: "force" }),
  automatic: await ask({ exchanges: [automatic], times: 2 }),
  registered: await ask({ exchanges: [known], query: text }),
  refused: failed.error.graphQLErrors.map((one) => one.extensions.code),
}));
