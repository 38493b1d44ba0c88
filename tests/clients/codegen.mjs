// GraphQL Code Generator: TypeScript types of the published schema and of the operations of an app.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codegen } from "@graphql-codegen/core";
import * as typescript from "@graphql-codegen/typescript";
import * as operations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const [schema, folder] = process.argv.slice(2);
const names = readdirSync(folder).filter((name) => name.endsWith(".graphql")).sort();
const output = await codegen({
  filename: "types.ts",
  schema: parse(readFileSync(schema, "utf8")),
  documents: names.map((name) => ({ location: name, document: parse(readFileSync(join(folder, name), "utf8")) })),
  config: { strictScalars: true, scalars: { Date: "string", DateTime: "string", JSON: "unknown" } },
  plugins: [{ typescript: {} }, { operations: {} }],
  pluginMap: { typescript, operations },
});
const exported = [...output.matchAll(/export type (\w+)/g)].map((match) => match[1]);
console.log(JSON.stringify({ operations: names.map((name) => name.replace(".graphql", "")), exported }));
