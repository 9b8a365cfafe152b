/** Looking through the syntax tree of a template. */
import type { Block, Expression, Statement } from '#data/jinja/syntax.js';

/** Whether a node in a block, those within others included, is of some kind. */
export function someNode(block: Block, matches: (node: Expression | Statement) => boolean): boolean {
  const search = (node: unknown): boolean => {
    if (Array.isArray(node)) return node.some(search);
    if (typeof node !== 'object' || node === null) return false;
    return ('kind' in node && matches(node as Expression | Statement)) || Object.values(node).some(search);
  };
  return search(block);
}
