/** The layers of a model in groups of one kind, so that they can be drawn in a row. */
export interface NormGroup {
  /** The path with `*` in place of the layer's number. */
  readonly kind: string;
  readonly rows: readonly NormRow[];
}

export interface NormRow {
  readonly path: string;
  /** Number of the layer; null where the path has none. */
  readonly layer: number | null;
  readonly norm: number;
}

/** In the order in which the kinds appear; rows by layer. */
export function normGroups(
  modules: readonly { readonly path: string; readonly norm: number }[],
): NormGroup[] {
  const groups = new Map<string, NormRow[]>();
  for (const { path, norm } of modules) {
    const parts = path.split('.');
    const place = parts.findIndex((part) => /^\d+$/.test(part));
    const layer = place < 0 ? null : Number(parts[place]);
    const kind = parts.map((part, i) => (i === place ? '*' : part)).join('.');
    groups.set(kind, [...(groups.get(kind) ?? []), { path, layer, norm }]);
  }
  return [...groups].map(([kind, rows]) => ({
    kind,
    rows: rows.sort((a, b) => (a.layer ?? 0) - (b.layer ?? 0)),
  }));
}

/** What stands behind the layer's number: `self_attn.q_proj` of `model.layers.*.self_attn.q_proj`. */
export const shortKind = (kind: string) => kind.split('*.').at(-1)!;
