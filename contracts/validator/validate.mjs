// Holds each contracts/FLEET/asyncapi.json against the specification of AsyncAPI, by its official parser, and each schema
// of an event against that of JSON Schema 2020-12. Says what is wrong; ends with 1 if anything is.
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Parser, fromFile } from "@asyncapi/parser";
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
const schemas = files.filter((file) => /(^|\/)events\/.*\.json$/.test(file));
for (const file of documents) await checkDocument(join(top, file));
for (const file of schemas) await checkSchema(join(top, file));
console.log(`${documents.length} documents, ${schemas.length} schemas of events, ${findings} findings`);
process.exit(findings === 0 && documents.length > 0 && schemas.length > 0 ? 0 : 1);
