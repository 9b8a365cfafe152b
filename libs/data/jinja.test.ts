import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseExactJson } from '#data/exact-json.js';
import { ChatTemplateError, JinjaTemplate } from '#data/jinja.js';

const NOW = new Date(Date.UTC(2024, 6, 5, 9, 7, 3));

function compile(source: string): JinjaTemplate {
  return new JinjaTemplate(source, NOW);
}

function render(source: string, variables: Record<string, unknown> = {}): string {
  return compile(source).render(variables);
}

/** The texts of the spans that a template marks. */
function marked(source: string, variables: Record<string, unknown> = {}): string[] | undefined {
  const { text, spans } = compile(source).renderSpans(variables);
  return spans?.map(({ start, end }) => text.slice(start, end));
}

interface GoldenCases {
  readonly variables: Record<string, unknown>;
  readonly cases: readonly { template: string; text?: string; error?: 'syntax' | 'failed' }[];
}

// Made by tools/golden/jinja.py.
const golden = parseExactJson(
  readFileSync(new URL('../../test/fixtures/jinja/cases.json', import.meta.url), 'utf8'),
) as GoldenCases;

describe('golden templates', () => {
  it('are many', () => {
    expect(golden.cases.length).toBeGreaterThan(700);
  });

  it.each(golden.cases)('renders as Jinja does: $template', ({ template, text, error }) => {
    expect(outcome(template)).toEqual(text === undefined ? { error } : { text });
  });
});

/** What comes of a golden template, in the words of the cases. */
function outcome(template: string): { text?: string; error?: string } {
  try {
    return { text: render(template, golden.variables) };
  } catch (error) {
    if (!(error instanceof ChatTemplateError)) throw error;
    return { error: error.code === 'chat_template_invalid' ? 'syntax' : 'failed' };
  }
}

describe('JinjaTemplate.render', () => {
  it.each([
    ['{% for i in [1,2,3] %}a{{ i }}{% if i == 2 %}{% continue %}{% endif %}b{% endfor %}', 'a1ba2a3b'],
    ['{% for i in [1,2,3] %}a{{ i }}{% if i == 2 %}{% break %}{% endif %}b{% endfor %}', 'a1ba2'],
    ['{% for i in [1,2] %}{% for j in [1,2] %}{{ i }}{{ j }}{% break %}{% endfor %}|{% endfor %}', '11|21|'],
    ['{% for i in [1, 2] %}x{% if i == 2 %}{% break %}{% endif %}{% else %}none{% endfor %}', 'xx'],
  ])('keeps what an iteration wrote before %s', (source, text) => {
    expect(render(source)).toBe(text);
  });

  it.each([
    ["{{ '\\n a \\n'.lstrip('\\n') }}|", ' a \n|'],
    ["{{ '\\n a \\n'.rstrip('\\n') }}|", '\n a |'],
    ["{{ 'xyaxy'.strip('yx') }}", 'a'],
    ["{{ '--]a-'.strip('-]') }}", 'a'],
    ["{{ '\u001c\u0085 a\ufeff ' | trim }}|", 'a\ufeff|'],
    ["{{ ' a '.strip() }}|", 'a|'],
    ["{{ 'a/b'.split('/')[-1].strip() }}", 'b'],
  ])('strips as Python does: %s', (source, text) => {
    expect(render(source)).toBe(text);
  });

  it('fails where Python cannot join text and another thing', () => {
    expect(() => render("{{ 'a' + x }}", { x: { b: 1 } })).toThrow(
      'can only concatenate str (not "dict") to str',
    );
    expect(render("{{ 'a' + 'b' ~ 1 }}{{ 1 + 2 }}")).toBe('ab13');
  });

  it('tells the time it was compiled for, in UTC and English', () => {
    expect(render("{{ strftime_now('%d %b %Y, %A %H:%M:%S %p %% %Q') }}")).toBe(
      '05 Jul 2024, Friday 09:07:03 AM % %Q',
    );
  });

  it("has Python's range, but none without end", () => {
    expect(render('{{ range(3) | join }}{{ range(4, 0, -2) | join }}')).toBe('01242');
    expect(() => render('{{ range(1000000000) | length }}')).toThrow('Range too big');
  });

  it('gives up on a template that runs without end', () => {
    const nested = '{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}';
    expect(() => render(nested)).toThrow('too long to run');
    expect(() => render('{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}')).toThrow(ChatTemplateError);
  });

  it('gives up on a template that fills the memory', () => {
    const doubling =
      "{% set ns = namespace(x='abcdefgh') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}";
    expect(() => render(doubling)).toThrow('without end');
    expect(() => render("{{ 'x' * 99999999999 }}")).toThrow('without end');
    expect(() => render('{{ [1] * 99999999999 }}')).toThrow('without end');
    expect(() => render('{{ 10 ** 100000 }}')).toThrow('without end');
    expect(() => render("{{ '%*d' % (999999999, 1) }}")).toThrow('without end');
    expect(() => render("{{ '{:999999999}'.format(1) }}")).toThrow('without end');
  });

  it('changes nothing of what it is given', () => {
    const messages = [{ role: 'user', content: 'Hi' }];
    const text = "{{ messages.append(1) }}{{ messages[0].update({'role': 'x'}) }}";
    for (const part of text.split(/(?<=\}\})/)) expect(() => render(part, { messages })).toThrow('unsafe');
    expect(messages).toEqual([{ role: 'user', content: 'Hi' }]);
  });

  it('prints numbers as they stand in the file', () => {
    const x = parseExactJson('{"b": 48.0, "10": [1e-07, 1e+22, 2512292042121000001, -0.0], "2": 1}');
    expect(render('{{ x | tojson }}|{{ x }}', { x })).toBe(
      '{"b": 48.0, "10": [1e-07, 1e+22, 2512292042121000001, -0.0], "2": 1}|' +
        "{'b': 48.0, '10': [1e-07, 1e+22, 2512292042121000001, -0.0], '2': 1}",
    );
  });

  it('tells refusal, failure and bad syntax apart', () => {
    const codeOf = (run: () => unknown): unknown => {
      try {
        return run();
      } catch (error) {
        return error instanceof ChatTemplateError && [error.code, error.reason];
      }
    };
    expect(codeOf(() => render("{{ raise_exception('Roles must alternate') }}"))).toEqual([
      'chat_template_refused',
      'Roles must alternate',
    ]);
    expect(codeOf(() => render('{{ x.y() }}'))).toEqual(['chat_template_failed', expect.any(String)]);
    expect(codeOf(() => compile('{% if %}'))).toEqual(['chat_template_invalid', expect.any(String)]);
  });
});

describe('JinjaTemplate.renderSpans', () => {
  it('finds what generation blocks wrote, also in loops', () => {
    const source = '{% for x in xs %}<{% generation %}{{ x }}!{% endgeneration %}>{% endfor %}';
    expect(marked(source, { xs: ['a', 'b'] })).toEqual(['a!', 'b!']);
  });

  it('does not change the text, with any control of white space', () => {
    const sources = [
      'a {%- generation -%} b {%- endgeneration -%} c',
      'a\n  {% generation %}\n  b\n  {% endgeneration %}\nc\n',
      'a {% generation %} b {% endgeneration -%} c',
    ];
    for (const source of sources) {
      const plain = source.replaceAll('endgeneration', 'endif').replaceAll('generation', 'if true');
      expect(compile(source).renderSpans({}).text).toBe(render(plain));
    }
    expect(marked(sources[0]!)).toEqual(['b']);
  });

  it('leaves out blocks that write nothing', () => {
    expect(marked('{% generation %}{% endgeneration %}a{% generation %}b{% endgeneration %}')).toEqual(['b']);
  });

  it('finds no spans where there are no generation blocks', () => {
    expect(compile('a').marksGeneration).toBe(false);
    expect(marked('a')).toBeUndefined();
  });

  it('finds spans in a text that has the marks themselves', () => {
    expect(marked('{% generation %}{{ x }}{% endgeneration %}', { x: '\ufdd0a\ufdd1' })).toEqual([
      '\ufdd0a\ufdd1',
    ]);
  });

  it('gives up spans rather than change the text of a template that counts what it wrote', () => {
    const source = '{% set x %}{% generation %}ab{% endgeneration %}{% endset %}{{ x | length }}{{ x }}';
    expect(compile(source).renderSpans({})).toEqual({ text: '2ab', spans: undefined });
  });
});
