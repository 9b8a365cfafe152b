/** Adds up the test counts of every vitest JSON report in a folder, naming what failed; exits 1 when one failed or none ran. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? '.';
let passed = 0;
let failed = 0;
for (const name of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  passed += report.numPassedTests;
  failed += report.numFailedTests + report.numPendingTests;
  if (!report.success && report.numFailedTests === 0) failed += 1;
  const suite = name.replace(/\.json$/, '');
  for (const file of report.testResults) {
    if (file.status === 'failed' && file.message)
      console.log(`failed in ${suite}: ${file.name}\n${file.message}`);
    for (const test of file.assertionResults) {
      if (test.status === 'passed') continue;
      console.log(
        `${test.status} in ${suite}: ${file.name}: ${test.fullName}\n${test.failureMessages.join('\n')}`,
      );
    }
  }
}
console.log(`tests: ${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
