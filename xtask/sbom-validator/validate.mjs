// Holds each file against the JSON schema of CycloneDX 1.5: node validate.mjs FILE…
import { readFileSync } from 'node:fs';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';

const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot5);
let findings = 0;
for (const file of process.argv.slice(2)) {
  const found = await validator.validate(readFileSync(file, 'utf8'));
  if (found !== null) {
    findings += 1;
    console.log(`${file}: ${JSON.stringify(found, null, 1).slice(0, 2000)}`);
  }
}
process.exit(findings === 0 ? 0 : 1);
