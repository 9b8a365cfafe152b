/**
 * Follows a text through a grammar, byte by byte: a pushdown automaton whose states are sets of stacks. States and the
 * steps between them are kept, so that the same place of a grammar is worked out once.
 */
import type { Grammar } from '#generation/grammar/grammar.js';

/** A place in a grammar: numbers of its own, for one machine. */
export type State = number;

/** From here no text of the grammar is left to come. */
export const dead: State = -1;
const unknown = -2;

/** What is still to come: the grammar on top, then the rest; undefined at the end. */
interface Stack {
  readonly id: number;
  readonly top: Grammar;
  readonly rest: Stack | undefined;
}

interface KnownState {
  /** Whose top is a byte; undefined for the end of the text. */
  readonly stacks: readonly (Stack | undefined)[];
  readonly steps: Int32Array;
}

export class GrammarMachine {
  readonly start: State;
  private readonly states: KnownState[] = [];
  private readonly byKey = new Map<string, State>();
  private readonly nodeIds = new Map<Grammar, number>();
  private readonly stacks = new Map<string, Stack>();
  private readonly repeats = new Map<string, Grammar>();

  constructor(grammar: Grammar) {
    this.start = this.stateOf(this.expand([this.push(grammar, undefined)]));
  }

  /** Where a byte leads; `dead` if the text may not go on with it. */
  step(state: State, byte: number): State {
    const { steps, stacks } = this.states[state]!;
    const known = steps[byte]!;
    if (known !== unknown) return known;
    const next = stacks.flatMap((stack) =>
      stack?.top.kind === 'byte' && stack.top.set[byte] === 1 ? [stack.rest] : [],
    );
    const found = next.length === 0 ? dead : this.stateOf(this.expand(next));
    steps[byte] = found;
    return found;
  }

  /** Where several bytes lead. */
  walk(state: State, text: Uint8Array): State {
    for (const byte of text) {
      if (state === dead) return dead;
      state = this.step(state, byte);
    }
    return state;
  }

  /** Whether the text may end here. */
  isEnd(state: State): boolean {
    return this.states[state]!.stacks.includes(undefined);
  }

  /** Whether the text can only end here. */
  isOver(state: State): boolean {
    return this.states[state]!.stacks.every((stack) => stack === undefined);
  }

  private stateOf(stacks: readonly (Stack | undefined)[]): State {
    const key = stacks
      .map((stack) => stack?.id ?? -1)
      .sort((a, b) => a - b)
      .join();
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const state = this.states.length;
    this.states.push({ stacks, steps: new Int32Array(256).fill(unknown) });
    this.byKey.set(key, state);
    return state;
  }

  /** Takes tops apart until every one is a byte. */
  private expand(stacks: readonly (Stack | undefined)[]): (Stack | undefined)[] {
    const seen = new Set<Stack | undefined>();
    const found: (Stack | undefined)[] = [];
    const pending = [...stacks];
    while (pending.length > 0) {
      const stack = pending.pop();
      if (seen.has(stack)) continue;
      seen.add(stack);
      if (stack === undefined || stack.top.kind === 'byte') found.push(stack);
      else pending.push(...this.opened(stack.top, stack.rest));
    }
    return found;
  }

  private opened(top: Exclude<Grammar, { kind: 'byte' }>, rest: Stack | undefined): (Stack | undefined)[] {
    switch (top.kind) {
      case 'sequence':
        return [top.parts.reduceRight<Stack | undefined>((stack, part) => this.push(part, stack), rest)];
      case 'choice':
        return top.options.map((option) => this.push(option, rest));
      case 'rule':
        return [this.push(top.make(), rest)];
      case 'repeat': {
        const { part, least, most } = top;
        const ended = least === 0 ? [rest] : [];
        if (most === 0) return ended;
        const again = this.repeated(part, Math.max(0, least - 1), most - 1);
        return [...ended, this.push(part, this.push(again, rest))];
      }
      default:
        return top satisfies never;
    }
  }

  private repeated(part: Grammar, least: number, most: number): Grammar {
    const key = `${this.idOf(part)} ${least} ${most}`;
    const known = this.repeats.get(key) ?? { kind: 'repeat', part, least, most };
    this.repeats.set(key, known);
    return known;
  }

  /** The same stack for the same parts, so that states can be told apart by numbers. */
  private push(top: Grammar, rest: Stack | undefined): Stack {
    const key = `${this.idOf(top)} ${rest?.id ?? -1}`;
    const known = this.stacks.get(key) ?? { id: this.stacks.size, top, rest };
    this.stacks.set(key, known);
    return known;
  }

  private idOf(node: Grammar): number {
    const known = this.nodeIds.get(node) ?? this.nodeIds.size;
    this.nodeIds.set(node, known);
    return known;
  }
}
