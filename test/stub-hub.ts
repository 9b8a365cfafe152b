/** A small hub on this machine: models by commit, large files on another host, and what can go wrong with them. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import path from 'node:path';
import { type SeenRequest, sendJson, type StubServer, stubServer } from './stub-server.js';

export interface StubRepository {
  readonly files: Map<string, Buffer>;
  commit: string;
  /** Token that may read it; null for everybody. */
  gatedTo: string | null;
  isPrivate: boolean;
}

export interface StubHub {
  readonly url: string;
  readonly repositories: Map<string, StubRepository>;
  /** Requests to the hub itself, and to the host that keeps large files. */
  readonly hub: StubServer;
  readonly storage: StubServer;
  /** Breaks a connection after so many bytes of a large file, once. */
  cutAfter: number | null;
  /** Sends other bytes than it promised. */
  lie: 'hash' | 'length' | null;
  /** What large files are answered with instead. */
  failWith: number | null;
  /** Whether parts of files are not known to it. */
  noRanges: boolean;
  /** Holds large files back until it is called. */
  gate: Promise<void> | null;
  /** Whether requests for parts of them are held back too. */
  gatesParts: boolean;
  /** Whether it is in trouble with everything. */
  isDown: boolean;
  add(name: string, files: Iterable<readonly [string, Buffer | string]>): StubRepository;
  /** The files of a folder as a model. */
  addFolder(name: string, folder: string): Promise<StubRepository>;
  /** Bytes that went out as content of files. */
  sentBytes(): number;
  close(): Promise<void>;
}

const isLarge = (name: string) => name.endsWith('.safetensors');
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const gitSha1 = (content: Buffer) =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
const etagOf = (name: string, content: Buffer) => (isLarge(name) ? sha256(content) : gitSha1(content));

export async function stubHub(): Promise<StubHub> {
  let sent = 0;
  const objects = new Map<string, Buffer>();
  const storage = await stubServer((request, response) => void answerStorage(request, response));
  const hub = await stubServer((request, response) => answerHub(request, response));
  const stub: StubHub = {
    url: hub.url,
    repositories: new Map(),
    hub,
    storage,
    cutAfter: null,
    lie: null,
    failWith: null,
    noRanges: false,
    gate: null,
    gatesParts: true,
    isDown: false,
    add(name, files) {
      const content = new Map([...files].map(([file, bytes]) => [file, Buffer.from(bytes)] as const));
      const repository = { files: content, commit: '', gatedTo: null, isPrivate: false };
      commit(repository);
      stub.repositories.set(name, repository);
      return repository;
    },
    async addFolder(name, folder) {
      const names = await readdir(folder);
      return stub.add(
        name,
        await Promise.all(
          names.map(async (file) => [file, await readFile(path.join(folder, file))] as const),
        ),
      );
    },
    sentBytes: () => sent,
    async close() {
      await Promise.all([hub.close(), storage.close()]);
    },
  };
  return stub;

  function commit(repository: StubRepository): void {
    const hash = createHash('sha1');
    for (const [name, content] of repository.files) hash.update(name).update(content);
    repository.commit = hash.digest('hex');
    for (const content of repository.files.values()) objects.set(sha256(content), content);
  }

  function answerHub(request: SeenRequest, response: ServerResponse): void {
    const { method, path: url } = request;
    if (stub.isDown) return sendJson(response, { error: 'down' }, 500);
    if (url === '/api/repos/create') return create(request, response);
    const api = /^\/api\/models\/([^/]+\/[^/]+)(?:\/(.*))?$/.exec(url);
    const batch = /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(url);
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url);
    const name = (api ?? batch ?? resolve)?.[1];
    const repository = name === undefined ? undefined : stub.repositories.get(name);
    if (!repository) {
      return sendJson(response, { error: 'Repository not found' }, 401, { 'x-error-code': 'RepoNotFound' });
    }
    const mayRead =
      repository.gatedTo === null || request.headers.authorization === `Bearer ${repository.gatedTo}`;
    if (batch) return answerBatch(request, response);
    if (api?.[2]?.startsWith('preupload/')) return preupload(request, response);
    if (api?.[2]?.startsWith('commit/')) return push(repository, request, response);
    if (api) {
      const [, , rest = ''] = api;
      const [what, revision = 'main'] = rest.split('/');
      if (rest !== '' && !['main', 'HEAD', repository.commit].includes(revision)) {
        return sendJson(response, { error: 'Invalid rev id' }, 404, { 'x-error-code': 'RevisionNotFound' });
      }
      if (what === 'tree') return sendJson(response, treeOf(repository));
      return sendJson(response, infoOf(name!, repository));
    }
    if (!mayRead) {
      return sendJson(response, { error: 'Access is restricted' }, 403, { 'x-error-code': 'GatedRepo' });
    }
    const file = decodeURIComponent(resolve![3]!);
    const content = repository.files.get(file);
    if (!content) {
      return sendJson(response, { error: 'Entry not found' }, 404, { 'x-error-code': 'EntryNotFound' });
    }
    const headers = { 'x-repo-commit': repository.commit, etag: `"${etagOf(file, content)}"` };
    if (isLarge(file)) {
      const linked = { 'x-linked-etag': headers.etag, 'x-linked-size': content.length };
      response.writeHead(302, {
        ...headers,
        ...linked,
        location: `${storage.url}/objects/${sha256(content)}`,
      });
      response.end();
      return;
    }
    if (method !== 'HEAD') sent += content.length;
    response.writeHead(200, { ...headers, 'content-length': content.length });
    response.end(method === 'HEAD' ? undefined : content);
  }

  async function answerStorage(request: SeenRequest, response: ServerResponse): Promise<void> {
    const digest = request.path.split('/').at(-1)!;
    if (request.method === 'PUT') {
      objects.set(digest, request.bytes);
      response.writeHead(sha256(request.bytes) === digest ? 200 : 400);
      response.end();
      return;
    }
    if (stub.gatesParts || request.headers.range === undefined) await stub.gate;
    if (stub.failWith !== null) return sendJson(response, { error: 'trouble' }, stub.failWith);
    const whole = objects.get(digest)!;
    const asked = stub.noRanges ? '' : (request.headers.range ?? '');
    const [, text, last] = /^bytes=(\d+)-(\d*)/.exec(asked) ?? [];
    const from = text === undefined ? 0 : Number(text);
    let rest = Buffer.from(whole.subarray(from, last ? Number(last) + 1 : undefined));
    if (stub.lie === 'hash' && !last) rest[rest.length - 1]! ^= 1;
    if (stub.lie === 'length' && !last) rest = Buffer.concat([rest, Buffer.alloc(100)]);
    const range = `bytes ${from}-${from + rest.length - 1}/${whole.length}`;
    response.writeHead(text === undefined ? 200 : 206, {
      'content-length': rest.length,
      ...(text === undefined ? {} : { 'content-range': range }),
    });
    if (request.method === 'HEAD') return void response.end();
    const cut = stub.cutAfter;
    if (cut !== null && cut < rest.length) {
      stub.cutAfter = null;
      sent += cut;
      // What was written reaches the client before the connection ends.
      response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 30));
      return;
    }
    sent += rest.length;
    response.end(rest);
  }

  function infoOf(name: string, { commit: sha, gatedTo, isPrivate, files }: StubRepository): object {
    const siblings = [...files.keys()].map((rfilename) => ({ rfilename }));
    const gated = gatedTo === null ? false : 'auto';
    const now = '2026-01-01T00:00:00.000Z';
    return {
      _id: name,
      id: name,
      modelId: name,
      sha,
      gated,
      private: isPrivate,
      siblings,
      tags: [],
      downloads: 0,
      likes: 0,
      lastModified: now,
      createdAt: now,
    };
  }

  function treeOf({ files }: StubRepository): object[] {
    return [...files].map(([file, content]) => ({
      type: 'file',
      path: file,
      size: content.length,
      oid: gitSha1(content),
      ...(isLarge(file) ? { lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } } : {}),
    }));
  }

  function create({ body, headers }: SeenRequest, response: ServerResponse): void {
    if (!headers.authorization) return sendJson(response, { error: 'Unauthorized' }, 401);
    const { name, organization, visibility } = JSON.parse(body) as Record<string, string>;
    const id = `${organization}/${name}`;
    if (stub.repositories.has(id))
      return sendJson(response, { error: 'You already created this model repo' }, 409);
    stub.add(id, []).isPrivate = visibility === 'private';
    sendJson(response, { url: `${hub.url}/${id}`, id, name: id });
  }

  function preupload({ body }: SeenRequest, response: ServerResponse): void {
    const { files } = JSON.parse(body) as { files: { path: string }[] };
    const modes = files.map(({ path: file }) => ({
      path: file,
      uploadMode: isLarge(file) ? 'lfs' : 'regular',
      shouldIgnore: false,
    }));
    sendJson(response, { files: modes });
  }

  function answerBatch({ body }: SeenRequest, response: ServerResponse): void {
    const { objects: asked } = JSON.parse(body) as { objects: { oid: string; size: number }[] };
    const upload = (oid: string) => ({ upload: { href: `${storage.url}/objects/${oid}` } });
    sendJson(response, {
      transfer: 'basic',
      objects: asked.map(({ oid, size }) => ({
        oid,
        size,
        ...(objects.has(oid) ? {} : { actions: upload(oid) }),
      })),
    });
  }

  function push(repository: StubRepository, { body }: SeenRequest, response: ServerResponse): void {
    const lines = body.trim().split('\n');
    for (const line of lines) {
      const { key, value } = JSON.parse(line) as { key: string; value: Record<string, string> };
      if (key === 'file') repository.files.set(value.path!, Buffer.from(value.content!, 'base64'));
      if (key === 'lfsFile') repository.files.set(value.path!, objects.get(value.oid!)!);
      if (key === 'deletedFile') repository.files.delete(value.path!);
    }
    commit(repository);
    sendJson(response, {
      success: true,
      commitOid: repository.commit,
      commitUrl: `${hub.url}/commit/${repository.commit}`,
    });
  }
}
