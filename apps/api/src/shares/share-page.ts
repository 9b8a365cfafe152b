/** The one page of a link: what the adapter is, and its files. No script, nothing from elsewhere. */
import { createHash } from 'node:crypto';
import type { Adapter } from '#platform/database/entities/adapter.js';
import type { Share } from '#platform/database/entities/share.js';

export interface SharedAdapter {
  /** Of the link itself. */
  readonly path: string;
  readonly share: Share;
  readonly adapter: Adapter;
  readonly licence: string | null;
  readonly revision: string | null;
  readonly isUsedUp: boolean;
}

const style = `
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere;
background:Canvas;color:CanvasText}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}a{color:LinkText}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.3rem 1rem}dt{font-weight:600}dd{margin:0}
ul{padding-left:1.2rem}li{margin:.5rem 0}code{font-size:.85em}
pre{white-space:pre-wrap;padding:.8rem;border:1px solid GrayText}
@media(max-width:30rem){dl{display:block}dd{margin:0 0 .6rem}}
`;

/** Nothing but its own style: no script, no frame, nothing from elsewhere. */
export const sharePagePolicy = [
  "default-src 'none'",
  "script-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function sharePageHtml({
  path: link,
  share,
  adapter,
  licence,
  revision,
  isUsedUp,
}: SharedAdapter): string {
  const { config, recipe } = adapter;
  const text = (field: string) => {
    const value = config[field];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  };
  const facts: (readonly [string, string | null])[] = [
    ['Base model', adapter.model],
    ['Named by the adapter', text('base_model_name_or_path')],
    ['Revision', revision],
    ["Digest of the base's files", adapter.baseIdentity],
    ['Licence of the base', licence ?? 'not stated: ask whoever sent you this link'],
    ['Rank', text('r')],
    ['lora_alpha', text('lora_alpha')],
    ['Target modules', targetsOf(config)],
    ['Composed of', recipe && `${membersOf(recipe)} adapters, see lowrank_recipe.json`],
    ['Made', adapter.createdAt.toISOString().slice(0, 10)],
    ['Link ends', share.expiresAt.toISOString().replace('T', ' ').slice(0, 16).concat(' UTC')],
  ];
  const rows = facts.flatMap(([name, value]) =>
    value === null ? [] : [`<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`],
  );
  const files = adapter.files.map(({ path, bytes, sha256 }) => {
    const isGone = isUsedUp && path === 'adapter_model.safetensors';
    const shown = isGone ? `${escape(path)} (fetched as often as allowed)` : linkTo(path, link);
    return `<li>${shown}, ${bytes.toLocaleString('en')} bytes<br><code>sha256 ${escape(sha256)}</code></li>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex,nofollow"><link rel="icon" href="data:,"><title>Adapter for ${escape(adapter.model)}</title><style>${style}</style></head>
<body><main><h1>LoRA adapter for ${escape(adapter.model)}</h1>
<p>Somebody shared this adapter with you. It changes how the base model writes; you need that model to use it.</p>
<dl>${rows.join('')}</dl>
<h2>Files</h2><ul>${files.join('')}</ul>
<h2>Use</h2><p>Put the files into one folder, then:</p>
<pre>from peft import PeftModel
model = PeftModel.from_pretrained(base_model, "folder")</pre>
</main></body></html>
`;
}

function linkTo(path: string, link: string): string {
  return `<a href="${link}/files/${encodeURIComponent(path)}" download>${escape(path)}</a>`;
}

function targetsOf(config: Record<string, unknown>): string | null {
  const targets = [config['target_modules'] ?? []].flat();
  return targets.length === 0 ? null : targets.map(String).join(', ').slice(0, 1000);
}

function membersOf(recipe: Record<string, unknown>): number {
  return Array.isArray(recipe['members']) ? recipe['members'].length : 0;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
}
