import { describe, expect, it } from 'vitest';
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

describe('JinjaTemplate.render', () => {
  it.each([
    ['{% for i in [1,2,3] %}a{{ i }}{% if i == 2 %}{% continue %}{% endif %}b{% endfor %}', 'a1ba2a3b'],
    ['{% for i in [1,2,3] %}a{{ i }}{% if i == 2 %}{% break %}{% endif %}b{% endfor %}', 'a1ba2'],
    ['{% for i in [1,2] %}{% for j in [1,2] %}{{ i }}{{ j }}{% break %}{% endfor %}|{% endfor %}', '11|21|'],
    ['{% for i in [1] %}x{% break %}{% else %}none{% endfor %}', 'x'],
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
    expect(() => render("{{ 'a' + x }}", { x: { b: 1 } })).toThrow('text + object');
    expect(render("{{ 'a' + 'b' ~ 1 }}{{ 1 + 2 }}")).toBe('ab13');
  });

  it('tells the time it was compiled for, in UTC and English', () => {
    expect(render("{{ strftime_now('%d %b %Y, %A %H:%M:%S %p %% %Q') }}")).toBe(
      '05 Jul 2024, Friday 09:07:03 AM % %Q',
    );
  });

  it("has Python's range, but none without end", () => {
    expect(render('{{ range(3) | join }}{{ range(4, 0, -2) | join }}')).toBe('01242');
    expect(() => render('{{ range(1000000000) | length }}')).toThrow('too long');
  });

  it('gives up on a template that runs without end', () => {
    const nested =
      '{% for a in range(200) %}{% for b in range(200) %}{{ 1+1+1+1+1+1+1+1+1+1+1+1+1 }}{% endfor %}{% endfor %}';
    expect(() => render(nested)).toThrow('too long to run');
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
