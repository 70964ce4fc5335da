// Runs SQL in DuckDB: a JSON list of statements on stdin, the rows of each on stdout.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const { DuckDBInstance } = createRequire(process.env.NSBLAME_DUCKDB + '/')('@duckdb/node-api');
const connection = await (await DuckDBInstance.create(':memory:')).connect();
await connection.run("SET TimeZone = 'UTC'");
const answers = [];
for (const sql of JSON.parse(readFileSync(0, 'utf8'))) {
  const begin = performance.now();
  const reader = await connection.runAndReadAll(sql);
  answers.push({ rows: reader.getRowsJson(), ms: performance.now() - begin });
}
process.stdout.write(JSON.stringify(answers));
