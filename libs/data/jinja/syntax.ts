/** The syntax tree of a template. */

export interface Arguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  /** `*values` and `**values`. */
  readonly spread?: Expression;
  readonly namedSpread?: Expression;
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**';
export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

export type Expression =
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'list' | 'tuple'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: 'field'; readonly object: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly object: Expression; readonly key: Expression }
  | {
      readonly kind: 'slice';
      readonly object: Expression;
      readonly bounds: readonly (Expression | undefined)[];
    }
  | { readonly kind: 'call'; readonly callee: Expression; readonly args: Arguments }
  | { readonly kind: 'filter'; readonly input: Expression; readonly name: string; readonly args: Arguments }
  | { readonly kind: 'test'; readonly input: Expression; readonly name: string; readonly args: Arguments }
  | { readonly kind: 'not' | 'negative' | 'positive'; readonly operand: Expression }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'concatenation'; readonly parts: readonly Expression[] }
  | {
      readonly kind: 'comparison';
      readonly first: Expression;
      readonly rest: readonly { readonly operator: ComparisonOperator; readonly operand: Expression }[];
    }
  | {
      readonly kind: 'condition';
      readonly test: Expression;
      readonly value: Expression;
      readonly otherwise: Expression | undefined;
    }
  /** What a filter of a block is applied to: the text of the block. */
  | { readonly kind: 'block-text' };

/** Where a value is put. */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'tuple'; readonly targets: readonly Target[] }
  | { readonly kind: 'namespace'; readonly name: string; readonly field: string };

export interface Signature {
  readonly parameters: readonly { readonly name: string; readonly otherwise: Expression | undefined }[];
}

export type Block = readonly Statement[];

export type Statement =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly value: Expression }
  | {
      readonly kind: 'if';
      readonly branches: readonly (readonly [Expression, Block])[];
      readonly otherwise: Block;
    }
  | {
      readonly kind: 'for';
      readonly target: Target;
      readonly values: Expression;
      readonly test: Expression | undefined;
      readonly isRecursive: boolean;
      readonly body: Block;
      readonly otherwise: Block;
    }
  | { readonly kind: 'set'; readonly target: Target; readonly value: Expression }
  | { readonly kind: 'set-block'; readonly target: Target; readonly filter: Expression; readonly body: Block }
  | {
      readonly kind: 'with';
      readonly assignments: readonly (readonly [Target, Expression])[];
      readonly body: Block;
    }
  | { readonly kind: 'macro'; readonly name: string; readonly signature: Signature; readonly body: Block }
  | {
      readonly kind: 'call-block';
      readonly callee: Expression;
      readonly args: Arguments;
      readonly signature: Signature;
      readonly body: Block;
    }
  | { readonly kind: 'filter-block'; readonly filter: Expression; readonly body: Block }
  /** What the model writes: `{% generation %}`. */
  | { readonly kind: 'generation'; readonly body: Block }
  /** A body with names of its own, and nothing else. */
  | { readonly kind: 'scope'; readonly body: Block }
  | { readonly kind: 'break' | 'continue' }
  /** Something that needs other templates, of which there are none. */
  | { readonly kind: 'refusal'; readonly message: string };
