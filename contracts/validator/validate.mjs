// Holds each contracts/FLEET/asyncapi.json against the specification of AsyncAPI, by its official parser, each openapi.json
// and openapi/CONTEXT.json against that of OpenAPI, and each schema of an event against that of JSON Schema 2020-12. Says what
// is wrong; ends with 1 if anything is.
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Parser, fromFile } from "@asyncapi/parser";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";

const top = process.argv[2];
// What the parser calls an error or a warning; the rest is advice, such as that there is a newer version.
const WARNING = 1;
let findings = 0;

function finding(file, what) {
  console.log(`  ${relative(top, file)}: ${what}`);
  findings += 1;
}

async function checkDocument(file) {
  const { document, diagnostics } = await fromFile(new Parser(), file).parse();
  for (const { severity, path, message } of diagnostics) {
    if (severity <= WARNING) finding(file, `${path.join(".")}: ${message}`);
  }
  const messages = document?.messages().all() ?? [];
  for (const message of messages) {
    if (!message.payload()) finding(file, `${message.id()} has no payload`);
  }
  console.log(`${relative(top, file)}: ${document?.operations().length ?? 0} operations, ${messages.length} messages`);
}

async function checkOpenApi(file) {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(file);
  for (const error of valid ? [] : errors) finding(file, error.message ? `${error.instancePath}: ${error.message}` : JSON.stringify(error));
  if (!valid) return;
  if (validator.version !== "3.1") finding(file, `it is OpenAPI ${validator.version}`);
  try {
    validator.resolveRefs();
  } catch (error) {
    finding(file, error.message);
  }
  const paths = Object.values(JSON.parse(await readFile(file, "utf8")).paths);
  const names = paths.flatMap((path) => Object.values(path)).map(({ operationId }) => operationId);
  for (const name of names.filter((name, at) => names.indexOf(name) !== at)) finding(file, `two operations are ${name}`);
  console.log(`${relative(top, file)}: ${names.length} operations`);
}

async function checkSchema(file) {
  const schema = JSON.parse(await readFile(file, "utf8"));
  try {
    // Formats such as int64 are of OpenAPI, and for people.
    new Ajv2020({ strict: true, strictTypes: false, validateFormats: false }).compile(schema);
  } catch (error) {
    finding(file, error.message);
  }
}

const files = (await readdir(top, { recursive: true })).filter((file) => !file.startsWith("validator"));
const documents = files.filter((file) => file.endsWith("asyncapi.json"));
const openApis = files.filter((file) => /(^|\/)openapi(\/[^/]*)?\.json$/.test(file));
const schemas = files.filter((file) => /(^|\/)events\/.*\.json$/.test(file));
for (const file of documents) await checkDocument(join(top, file));
for (const file of openApis) await checkOpenApi(join(top, file));
for (const file of schemas) await checkSchema(join(top, file));
const found = [documents, openApis, schemas];
console.log(`${found.map((files) => files.length).join(" + ")} documents of AsyncAPI, OpenAPI and schemas, ${findings} findings`);
process.exit(findings === 0 && found.every((files) => files.length > 0) ? 0 : 1);
