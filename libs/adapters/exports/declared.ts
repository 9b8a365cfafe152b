/** The formats that adapters are exported in, for those who ask for one; how each is made is in registry.ts. */

/** How numbers are written. */
export const exportDtypes = ['f16', 'bf16', 'f32', 'q8_0'] as const;
export type ExportDtype = (typeof exportDtypes)[number];

export interface DeclaredExport {
  /** What people call it. */
  readonly title: string;
  /** The usual one first. */
  readonly dtypes: readonly ExportDtype[];
  /** Whether tensors may be spread over several files. */
  readonly hasShards?: boolean;
}

export const declaredExports = {
  merged: { title: 'a merged model in safetensors', dtypes: ['f16', 'bf16', 'f32'], hasShards: true },
  'merged-gguf': { title: 'a merged model for llama.cpp', dtypes: ['f16', 'q8_0', 'bf16', 'f32'] },
  gguf: { title: 'an adapter for llama.cpp', dtypes: ['f32', 'f16', 'bf16'] },
  kohya: { title: "an adapter in kohya's safetensors", dtypes: ['f32', 'f16', 'bf16'] },
  archive: { title: 'a portable adapter in an archive', dtypes: ['f32', 'bf16', 'f16'] },
  portable: { title: 'a portable adapter', dtypes: ['f32', 'bf16', 'f16'] },
} as const satisfies Readonly<Record<string, DeclaredExport>>;

export type ExportFormatName = keyof typeof declaredExports;
export const exportFormatNames = Object.keys(declaredExports) as [ExportFormatName, ...ExportFormatName[]];

export const declaredExport = (name: ExportFormatName): DeclaredExport => declaredExports[name];
