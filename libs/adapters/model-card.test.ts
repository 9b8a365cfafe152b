import { expect, test } from 'vitest';
import { completeCard, modelCard } from '#adapters/model-card.js';
import { parseLoraConfig } from '#lora/config.js';
import { cardLicence } from '#models/model-origin.js';

const base = { base: 'tiny', licence: 'apache-2.0' };

test('a card names the base model, its revision and its licence', () => {
  const config = parseLoraConfig({
    base_model_name_or_path: 'tiny',
    revision: 'abc',
    target_modules: ['q_proj'],
  });
  const card = modelCard(config, { licence: 'apache-2.0' });
  expect(cardLicence(card)).toBe('apache-2.0');
  for (const row of [
    '| base model | tiny |',
    '| revision of the base | abc |',
    '| licence of the base | apache-2.0 |',
  ]) {
    expect(card).toContain(row);
  }
  expect(modelCard(config)).not.toContain('licen');
});

test('a card names the variant, what training started from, the precision, and what is trained whole', () => {
  const dora = parseLoraConfig({
    target_modules: ['q_proj'],
    use_dora: true,
    bias: 'lora_only',
    modules_to_save: ['lm_head'],
  });
  const card = modelCard(dora, { start: 'init_lora_weights pissa', dtype: 'BF16' });
  for (const row of [
    '| variant | DoRA |',
    '| started from | init\\_lora\\_weights pissa |',
    '| precision | bfloat16 |',
    '| bias | lora\\_only |',
    '| modules trained whole | lm\\_head |',
  ]) {
    expect(card).toContain(row);
  }
  const plain = modelCard(parseLoraConfig({ target_modules: ['q_proj'] }));
  expect(plain).toContain('| variant | LoRA |\n| precision | float32 |');
  expect(plain).not.toMatch(/started from|bias|whole/);
});

test('a card of somebody else is given what it lacks, and keeps what it says', () => {
  expect(completeCard('# Mine\n', base)).toBe(
    '---\nbase_model: "tiny"\nlicense: "apache-2.0"\n---\n\n# Mine\n',
  );
  expect(completeCard('---\nlicense: mit\ntags:\n- x\n---\n# Mine\n', base)).toBe(
    '---\nbase_model: "tiny"\nlicense: mit\ntags:\n- x\n---\n# Mine\n',
  );
  const whole = '---\nlicense: mit\nbase_model: other\n---\n# Mine\n';
  expect(completeCard(whole, base)).toBe(whole);
  expect(completeCard('# Mine\n', { base: 'tiny', licence: null })).not.toContain('license');
});
