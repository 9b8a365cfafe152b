import { expect, test } from 'vitest';
import { requestSnippets } from './snippets.js';

const open = { origin: 'http://127.0.0.1:1', needsKey: false };
const textOf = (name: string, ...given: Parameters<typeof requestSnippets>) =>
  requestSnippets(...given).find((one) => one.name === name)!.text;

test('a chat is asked by OpenAI’s clients as the page asks it', () => {
  const request = { model: 'm', messages: [{ role: 'user' as const, content: 'Who?' }], temperature: 0 };
  expect(textOf('Python', request, open)).toBe(
    [
      'from openai import OpenAI',
      '',
      'client = OpenAI(base_url="http://127.0.0.1:1/v1", api_key="none")',
      'answer = client.chat.completions.create(',
      '    model="m",',
      '    messages=[{',
      '        "role": "user",',
      '        "content": "Who?",',
      '    }],',
      '    temperature=0,',
      ')',
      'print(answer.choices[0].message.content)',
    ].join('\n'),
  );
  expect(textOf('JavaScript', request, open)).toContain('client.chat.completions.create({\n  "model": "m"');
  expect(textOf('curl', request, open)).toMatch(/^curl http:\/\/127\.0\.0\.1:1\/v1\/chat\/completions -H/);
});

test('members travel beside the fields that Python’s client knows, and a key is named where one is asked for', () => {
  const request = { model: 'm', prompt: 'a', members: [{ adapter: 'adapter-A', weight: 0.5 }] };
  const python = textOf('Python', request, { ...open, needsKey: true });
  expect(python).toContain('client.completions.create(');
  expect(python).toContain('extra_body={\n        "members": [{');
  expect(python).toContain('os.environ["LOWRANK_API_KEY"]');
  expect(textOf('curl', request, { ...open, needsKey: true })).toContain('Bearer $LOWRANK_API_KEY');
});
