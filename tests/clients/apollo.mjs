// Apollo Client as app developers use it: POST, GET, automatic persisted queries, and hashes of registered operations.
import { readFileSync } from "node:fs";
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client/core";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { print } from "graphql";
import { recorded, sha256, wire } from "./recording.mjs";

const [uri, registered] = process.argv.slice(2);
const QUERY = gql`query Facts($city: String!) { city(slug: $city) { slug modules { name status } } }`;
const variables = { city: "beckum" };

async function ask(link, query = QUERY, times = 1) {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  wire.length = 0;
  const answers = [];
  for (let time = 0; time < times; time += 1) {
    const { data, error } = await client.query({ query, variables, fetchPolicy: "network-only" });
    answers.push(error ? `${error}` : data.city.slug);
  }
  client.stop();
  return { answers, wire: [...wire] };
}

async function refused(link) {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const { error } = await client.query({ query: gql`{ city(slug: "beckum") { nosuch } }`, errorPolicy: "all" });
  return error.errors.map((one) => one.extensions.code);
}

const http = (options) => new HttpLink({ uri, fetch: recorded, ...options });
const text = readFileSync(registered, "utf8");
const automatic = new PersistedQueryLink({ sha256, useGETForHashedQueries: true });
const known = new PersistedQueryLink({ generateHash: () => sha256(text), useGETForHashedQueries: true });
console.log(JSON.stringify({
  post: await ask(http()),
  get: await ask(http({ useGETForQueries: true })),
  automatic: await ask(automatic.concat(http()), gql`${print(QUERY)} # ${Date.now()}`, 2),
  registered: await ask(known.concat(http()), gql(text)),
  refused: await refused(http()),
}));
