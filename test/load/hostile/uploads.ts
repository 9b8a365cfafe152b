/** Uploads that are made to keep a server busy: forms, data sets and archives of adapters. */
import { deflateRawSync, gzipSync } from 'node:zlib';
import { zipOf } from '../../integration/zip-of.js';
import type { HostileRequest } from './hostile-request.js';
import { hostileHeads } from './heads.js';
import type { Route, World } from './routes.js';
import { hostileExpressions, hostileValues } from './values.js';

const form = 'multipart/form-data; boundary=xyz';
const row = '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n';

type Upload = Pick<HostileRequest, 'what' | 'body' | 'headers' | 'missingBytes'>;

export function hostileUploads(route: Route, world: World): HostileRequest[] {
  const { method, path } = route;
  const isAdapter = path === '/v1/adapters';
  const field = (name: string, value: string) =>
    `--xyz\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const isPart = path === '/v1/uploads/{id}/parts';
  const name = isPart ? 'data' : 'file';
  const start = isAdapter ? field('model', world.job.model) : isPart ? '' : field('purpose', 'fine-tune');
  const file = (content: string | Buffer, head = 'filename="a.jsonl"') =>
    Buffer.concat([
      Buffer.from(`${start}--xyz\r\nContent-Disposition: form-data; name="${name}"; ${head}\r\n\r\n`),
      Buffer.from(content),
      Buffer.from('\r\n--xyz--\r\n'),
    ]);
  const forms: Upload[] = [
    { what: 'no boundary', body: file(row), headers: { 'content-type': 'multipart/form-data' } },
    {
      what: 'a boundary of 8,000 characters',
      body: '',
      headers: { 'content-type': `${form}${'y'.repeat(8000)}` },
    },
    {
      what: 'a type with 500 parameters',
      body: '',
      headers: { 'content-type': `${form}${';a=b'.repeat(500)}` },
    },
    { what: 'nothing but boundaries', body: '--xyz\r\n'.repeat(500_000) },
    {
      what: 'almost boundaries',
      body: `${start}--xyz\r\nContent-Disposition: form-data; name="${name}"; filename="a"\r\n\r\n${'\r\n--xy'.repeat(500_000)}`,
    },
    { what: '20,000 fields', body: field('a', 'b').repeat(20_000) },
    { what: 'a field of 4 megabytes', body: field('purpose', 'a'.repeat(4_000_000)) },
    { what: 'a head of 2 megabytes', body: `--xyz\r\n${'X-Header: a\r\n'.repeat(150_000)}\r\n` },
    { what: 'a file name of 60,000 characters', body: file(row, `filename="${'../'.repeat(20_000)}"`) },
    { what: 'an encoded file name', body: file(row, `filename*=utf-8''${'%f0%9f'.repeat(10_000)}`) },
    { what: '2,000 files', body: file(row).toString().repeat(2000) },
    { what: 'a form in a form', body: file(file(row).toString().replaceAll('xyz', 'xy').repeat(3000)) },
    { what: 'a form that breaks off', body: file(row.repeat(5000)).subarray(0, -20) },
    { what: 'less than it declares', body: file(row), missingBytes: 1000 },
    {
      what: 'a packed form',
      body: gzipSync(file(row)),
      headers: { 'content-type': form, 'content-encoding': 'gzip' },
    },
    { what: 'JSON', body: row, headers: { 'content-type': 'application/json' } },
    { what: 'a form without a file', body: `${start}--xyz--\r\n` },
  ];
  const contents = isAdapter ? hostileArchives(world.job.model) : hostileData();
  const uploads = [...forms, ...contents.map(([what, content]) => ({ what, body: file(content) }))];
  return [
    ...uploads.map((upload) => ({ headers: { 'content-type': form }, ...upload, method, path })),
    ...hostileHeads(route, world).slice(0, 8),
  ];
}

type Contents = readonly (readonly [what: string, content: string | Buffer])[];

function hostileData(): Contents {
  const chat = (content: string) =>
    `{"messages":[{"role":"user","content":${content}},{"role":"assistant","content":"b"}]}\n`;
  return [
    ['a row of a megabyte', chat(JSON.stringify('word '.repeat(200_000)))],
    ['a row of 8 megabytes', chat(JSON.stringify('word '.repeat(1_600_000)))],
    [
      '40,000 messages in a row',
      `{"messages":[${'{"role":"user","content":"a"},'.repeat(40_000)}{"role":"assistant","content":"b"}]}\n`,
    ],
    ['a call with deep arguments', chat(JSON.stringify('{"a":'.repeat(200_000)))],
    ...hostileValues.map(
      ([what, json]) => [`${what} in a row`, `{"text":"a","field":${json}}\n${chat(json)}`] as const,
    ),
    ['4 million line ends', '\n'.repeat(4_000_000)],
    ['a million empty objects', '{}\n'.repeat(1_000_000)],
    [
      '100,000 rows with fields of their own',
      Array.from({ length: 100_000 }, (_, i) => `{"text":"a","f${i}":1}\n`).join(''),
    ],
    ['bytes that are no UTF-8', Buffer.alloc(2_000_000, 0xff)],
    ['UTF-16', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(row.repeat(5000), 'utf16le')])],
    ['a packed file', gzipSync(Buffer.alloc(200e6, row))],
    ['a table', 'prompt,completion\n'.repeat(200_000)],
    ['one list', `[${row.trim()},`.repeat(20_000)],
    ['quotes', '"'.repeat(3_000_000)],
  ];
}

function hostileArchives(model: string): Contents {
  const config = (changes: object = {}) =>
    Buffer.from(
      JSON.stringify({
        peft_type: 'LORA',
        r: 2,
        target_modules: ['q_proj'],
        base_model_name_or_path: model,
        ...changes,
      }),
    );
  const weights = (header: string, declared = header.length) => {
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(declared));
    return Buffer.concat([size, Buffer.from(header)]);
  };
  const packed = (adapterConfig: Buffer, tensors: Buffer, more: Parameters<typeof zipOf>[0] = []) =>
    zipOf([
      { path: 'adapter_config.json', content: adapterConfig },
      { path: 'adapter_model.safetensors', content: tensors },
      ...more,
    ]);
  const empty = weights('{}');
  const tensor = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  const many = `{${Array.from({ length: 100_000 }, (_, i) => `"t${i}":${tensor}`).join(',')}}`;
  const zeros = Buffer.alloc(600e6);
  return [
    ['600 MB of zeros', packed(config(), zeros)],
    ['600 MB of zeros as its configuration', zipOf([{ path: 'adapter_config.json', content: zeros }])],
    [
      'zeros that declare no size',
      packed(config(), empty, [{ path: 'README.md', content: zeros.subarray(0, 50e6), size: 10 }]),
    ],
    ['a tar of zeros', gzipSync(zeros)],
    ['a tar of nothing', Buffer.alloc(3_000_000)],
    ['60,000 entries', zipOf(Array.from({ length: 60_000 }, (_, i) => ({ path: `a${i}` })))],
    [
      '300 archives in it',
      packed(
        config(),
        empty,
        Array.from({ length: 300 }, (_, i) => ({ path: `${i}/adapter_config.json`, content: config() })),
      ),
    ],
    ['names of 60,000 characters', zipOf([{ path: 'a/'.repeat(30_000) }, { path: '../'.repeat(20_000) }])],
    [
      'an end that points nowhere',
      Buffer.concat([
        Buffer.from('PK\u0003\u0004'),
        deflateRawSync(zeros.subarray(0, 1e6)),
        Buffer.alloc(60_000),
      ]),
    ],
    ['a header without end', packed(config(), weights('{}', 2 ** 52))],
    ['a header of spaces', packed(config(), weights(' '.repeat(90_000_000)))],
    ['a header of lists in lists', packed(config(), weights('['.repeat(900_000)))],
    ['a header of 100,000 tensors', packed(config(), weights(many))],
    [
      'a shape of 100,000 sides',
      packed(
        config(),
        weights(`{"t":{"dtype":"F32","shape":[${'1,'.repeat(100_000)}1],"data_offsets":[0,4]}}`),
      ),
    ],
    ...hostileExpressions.map(
      ([what, text]) =>
        [
          `an expression ${what}`,
          packed(config({ target_modules: text, rank_pattern: { [text]: 2 } }), empty),
        ] as const,
    ),
    ...hostileValues.map(
      ([what, json]) =>
        [
          `${what} in its configuration`,
          packed(
            Buffer.from(`{"peft_type":"LORA","base_model_name_or_path":"${model}","target_modules":${json}}`),
            empty,
          ),
        ] as const,
    ),
  ];
}
