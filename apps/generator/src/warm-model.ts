/** A base model with the adapters of a composition beside it, whose weights change from prompt to prompt. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { baseForAdapter } from '#adapters/adapter-classes.js';
import { LiveComposition } from '#adapters/live-composition.js';
import { openMembers } from '#adapters/open-members.js';
import type { GeneratorTask } from '#contracts/generator-calls.js';
import type { MemberFolder } from '#contracts/member-folder.js';
import { type ChatTemplate, loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { Tokenizer } from '#data/tokenizer.js';
import { ClassModel } from '#generation/class-model.js';
import { ImageClassModel } from '#generation/image-class-model.js';
import { createGenerator, type Generator, type GeneratorOptions } from '#generation/generator.js';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import type { ImagePreprocessor } from '#images/preprocessor.js';
import { blockCache, openBlockBase } from '#models/block-base.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { loadPreprocessor } from '#models/model-preprocessor.js';
import type { CodeBits } from '#runtime/weight-schemes/block-codes.js';

const maxThreads = 8;

/** Bits of layers that answer in a precision. */
const answerBits: Readonly<Record<GeneratorTask['base']['precision'], CodeBits | null>> = {
  'as-stored': null,
  int8: 8,
  int4: 4,
};

/** What all models on one base share. */
export interface Base {
  /** Its digest. */
  readonly identity: string;
  readonly model: ModelFolder;
  readonly reader: TextReader | ImagePreprocessor;
  /** Rounded, where the base answers so. */
  readonly weights?: GeneratorOptions['weights'];
}

/** How texts become tokens. */
interface TextReader {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
}

type Made =
  { readonly generator: Generator } | { readonly classes: ClassModel } | { readonly images: ImageClassModel };

/** Throws the errors of `openModelFolder`, `loadTokenizer`, `loadChatTemplate`, `loadPreprocessor` and `openBlockBase`. */
export async function openBase(
  { folder, identity, precision }: GeneratorTask['base'],
  cacheFolder: string,
): Promise<Base> {
  const model = await openModelFolder(folder, { tokenizer: 'required' });
  if (model.tree.inputs === 'images') return { identity, model, reader: await loadPreprocessor(model) };
  const tokenizer = await loadTokenizer(folder);
  const reader = { tokenizer, template: await loadChatTemplate(folder, tokenizer) };
  const bits = answerBits[precision];
  // Classifiers read many rows at once, for which floats as they are stored are fastest.
  if (bits === null || model.tree.head === 'classify') return { identity, model, reader };
  const { specs: weights } = await openBlockBase(model, bits, {
    identity,
    folder: join(cacheFolder, blockCache),
    use: 'answers',
    onProgress: () => undefined,
    pause: () => setImmediate(),
    // What was damaged is made again.
    onDamage: () => undefined,
  });
  return { identity, model, reader, weights };
}

export class WarmModel {
  private constructor(
    readonly base: Base,
    private readonly made: Made,
  ) {}

  /** Throws the errors of `openMembers`, `LiveComposition.open`, and of what makes models of each kind. */
  static async open(
    base: Base,
    members: readonly MemberFolder[],
    { cacheFolder }: { cacheFolder: string },
  ): Promise<WarmModel> {
    const model = await modelFor(base, members);
    const composition =
      members.length === 0
        ? undefined
        : await naming(members, async () => {
            // The weights come with each prompt; these say only that every member has a place.
            const listed = members.map((member) => ({ ...member, weight: 1, base: base.identity }));
            return LiveComposition.open(await openMembers(listed, { model: model.tree }));
          });
    const options = {
      model,
      composition,
      runner: {
        kind: 'compiled' as const,
        device: 'cpu' as const,
        threads: Math.min(availableParallelism(), maxThreads),
        spin: true,
        cacheFolder,
      },
    };
    const { reader } = base;
    if (!('tokenizer' in reader)) {
      return new WarmModel(base, { images: ImageClassModel.create({ ...options, preprocessor: reader }) });
    }
    if (model.tree.head === 'classify') {
      return new WarmModel(base, { classes: ClassModel.create({ ...options, ...reader }) });
    }
    return new WarmModel(base, {
      generator: createGenerator({ ...options, ...reader, weights: base.weights }),
    });
  }

  /** What writes text. Throws UnsupportedError for a model that does not. */
  get generator(): Generator {
    if ('generator' in this.made) return this.made.generator;
    const { architecture } = this.base.model.config;
    throw new UnsupportedError(
      `${architecture} tells classes apart and writes no text: ask it with POST /v1/classifications`,
    );
  }

  /** What tells classes of texts apart. Throws UnsupportedError for a model that does not. */
  get classes(): ClassModel {
    if ('classes' in this.made) return this.made.classes;
    if ('generator' in this.made) throw this.headless();
    const { architecture } = this.base.model.config;
    throw new UnsupportedError(
      `${architecture} classifies images: give each as {"image": "data:image/png;base64,..."}`,
    );
  }

  /** What tells classes of images apart. Throws UnsupportedError for a model that does not. */
  get images(): ImageClassModel {
    if ('images' in this.made) return this.made.images;
    if ('generator' in this.made) throw this.headless();
    const { architecture } = this.base.model.config;
    throw new UnsupportedError(`${architecture} classifies texts: give it texts, and no images`);
  }

  /** Names of the classes that it tells apart. Throws UnsupportedError for a model that tells none. */
  get labels(): readonly string[] {
    return 'images' in this.made ? this.made.images.labels : this.classes.labels;
  }

  close(): Promise<void> {
    const { made } = this;
    if ('generator' in made) return made.generator.close();
    return 'images' in made ? made.images.close() : made.classes.close();
  }

  private headless(): UnsupportedError {
    const { architecture } = this.base.model.config;
    return new UnsupportedError(
      `${architecture} writes text and has no classification head: ask it with POST /v1/completions, or take a model like ` +
        'BertForSequenceClassification or LlamaForSequenceClassification',
    );
  }
}

/** The base model with the head that its members bring, if they do. */
async function modelFor({ model }: Base, members: readonly MemberFolder[]): Promise<ModelFolder> {
  const [first] = members;
  return first ? naming(members, () => baseForAdapter(model, first.folder)) : model;
}

/** Clients know a member by its name and not by where it lies. */
async function naming<T>(members: readonly MemberFolder[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LowrankError)) throw error;
    const message = members.reduce((text, { folder, name }) => text.replaceAll(folder, name), error.message);
    throw new LowrankError(error.code, message, { cause: error });
  }
}
