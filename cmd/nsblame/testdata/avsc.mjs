// Reads a recording by a library that knows Avro and nothing of nsblame: how many records
// of each type there are, without those that are to be left out.
import { createRequire } from 'node:module';
const avro = createRequire(process.env.NSBLAME_DUCKDB + '/')('avsc');
// the numbers of JavaScript are too small for some
const long = avro.types.LongType.__with({
  fromBuffer: (b) => b.readBigInt64LE(),
  toBuffer: (n) => { const b = Buffer.alloc(8); b.writeBigInt64LE(BigInt(n)); return b; },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (n) => typeof n === 'bigint' || Number.isSafeInteger(n),
  compare: (a, b) => Number(a - b),
});
const parseHook = (schema) => avro.Type.forSchema(schema, { registry: { long } });
const types = {};
avro.createFileDecoder(process.argv[2], { parseHook })
  .on('data', (record) => {
    const [type] = Object.keys(record.body);
    if (!record.restated) types[type] = (types[type] ?? 0) + 1;
  })
  .on('error', (err) => { process.stderr.write(String(err)); process.exit(1); })
  .on('end', () => process.stdout.write(JSON.stringify(types)));
