/** A request of the playground as text for programs and terminals. */
import type { ChatCompletionCreate, CompletionCreate } from '#contracts/http/completions.js';
import { python, type Snippet, type SnippetPlace } from '../parts/job-snippets.js';

type Request = ChatCompletionCreate | CompletionCreate;

export function requestSnippets(request: Request, place: SnippetPlace): Snippet[] {
  return [
    { name: 'curl', text: curlText(request, place) },
    { name: 'Python', text: pythonText(request, place) },
    { name: 'JavaScript', text: javascriptText(request, place) },
  ];
}

const isChat = (request: Request): request is ChatCompletionCreate => 'messages' in request;

function curlText(request: Request, { origin, needsKey }: SnippetPlace): string {
  const key = needsKey ? ` -H "authorization: Bearer $LOWRANK_API_KEY"` : '';
  const address = `${origin}/v1/${isChat(request) ? 'chat/' : ''}completions`;
  const json = JSON.stringify(request, null, 2);
  // A line of the prompt that ends the text would end it in the shell, too.
  const end = json.split('\n').includes('END') ? 'END_OF_JSON' : 'END';
  return `curl ${address} -H 'content-type: application/json'${key} -d @- <<'${end}'\n${json}\n${end}`;
}

function pythonText(request: Request, { origin, needsKey }: SnippetPlace): string {
  const { members, ...named } = request;
  const lines = Object.entries(named).map(([name, value]) => `    ${name}=${python(value, '    ')},`);
  if (members) lines.push(`    extra_body=${python({ members }, '    ')},`);
  return [
    ...(needsKey ? ['import os'] : []),
    'from openai import OpenAI',
    '',
    `client = OpenAI(base_url=${python(`${origin}/v1`)}, api_key=${needsKey ? 'os.environ["LOWRANK_API_KEY"]' : '"none"'})`,
    `answer = client.${isChat(request) ? 'chat.' : ''}completions.create(`,
    ...lines,
    ')',
    `print(answer.choices[0].${isChat(request) ? 'message.content' : 'text'})`,
  ].join('\n');
}

function javascriptText(request: Request, { origin, needsKey }: SnippetPlace): string {
  const key = needsKey ? 'process.env.LOWRANK_API_KEY' : "'none'";
  return [
    "import OpenAI from 'openai';",
    '',
    `const client = new OpenAI({ baseURL: '${origin}/v1', apiKey: ${key} });`,
    `const answer = await client.${isChat(request) ? 'chat.' : ''}completions.create(${JSON.stringify(request, null, 2)});`,
    `console.log(answer.choices[0].${isChat(request) ? 'message.content' : 'text'});`,
  ].join('\n');
}
