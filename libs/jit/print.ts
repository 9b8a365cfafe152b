/** A graph as text, one node a line, for tests and for people. */
import { type Attribute, type Graph, type Node, schemeOf, type Value } from '#jit/graph.js';

const shortTypes = { float32: 'f32', int32: 'i32', bool: 'bool' } as const;

/** A value as it is written where it is used: `%7`, an input's name, a constant's number. */
function reference(value: Value, names: ReadonlyMap<Value, string>): string {
  const name = names.get(value);
  if (name) return name;
  if (value.kind === 'constant') {
    return value.uniform ? String(value.data[0]) : `[${value.data.length} numbers]`;
  }
  return value.kind === 'node' ? '%?' : value.name;
}

function typeOf(value: Value): string {
  return `${shortTypes[value.dtype]}[${value.shape.join(',')}]`;
}

function attributesText(attributes: Readonly<Record<string, Attribute>>): string {
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return '';
  const text = entries.map(
    ([name, value]) => `${name}=${typeof value === 'object' ? `[${value.join(',')}]` : value}`,
  );
  return ` {${text.join(', ')}}`;
}

function printNodes(nodes: readonly Node[], names: Map<Value, string>, indent: string): string[] {
  return nodes.flatMap((node) => {
    for (const output of node.outputs) names.set(output, `%${names.size}`);
    const left = node.outputs.map((output) => `${names.get(output)}: ${typeOf(output)}`).join(', ');
    const inputs = node.inputs.map((input) => reference(input, names)).join(', ');
    const scope = node.scope ? `  # ${node.scope}` : '';
    const line = `${indent}${left} = ${node.kernel}(${inputs})${attributesText(node.attributes)}${scope}`;
    if (!node.body) return [line];
    const { parameters, nodes: inner, results } = node.body;
    for (const parameter of parameters) names.set(parameter, `%${names.size}`);
    const head = parameters.map((parameter) => `${names.get(parameter)}: ${typeOf(parameter)}`).join(', ');
    return [
      line,
      `${indent}  (${head}) =>`,
      ...printNodes(inner, names, `${indent}  `),
      `${indent}  return ${results.map((value) => reference(value, names)).join(', ')}`,
    ];
  });
}

/** The text of a graph: its inputs, its nodes in order, its results. */
export function printGraph(graph: Graph): string {
  const names = new Map<Value, string>();
  const header = [...graph.data, ...graph.scalars, ...graph.state, ...graph.weights].map((value) => {
    const storage = value.kind === 'weight' ? ` stored as ${schemeOf(value.source)}` : '';
    return `${value.kind} ${value.name}: ${typeOf(value)}${storage}`;
  });
  const body = printNodes(graph.nodes, names, '');
  const footer = [
    ...graph.outputs.map(({ name, value }) => `output ${name} = ${reference(value, names)}`),
    ...graph.nextState.map(({ name, value }) => `next ${name} = ${reference(value, names)}`),
  ];
  return [...header, ...body, ...footer].join('\n');
}
