import { expect, test } from 'vitest';
import { classifierConfigText } from '#models/classifier-config.js';

test('the head is described anew, and the rest stays as it was written', () => {
  const text = `{
  "architectures": ["BertModel"],
  "id2label": {"0": "a } b", "1": "c"}, "label2id": {},
  "rope_theta": 10000.0,
  "text_config": {"num_labels": 2, "eps": 1e-05},
  "problem_type": null
}
`;
  expect(classifierConfigText(text, 'BertForSequenceClassification', ['no', 'yes'])).toBe(`{
  "architectures": [
    "BertForSequenceClassification"
  ],
  "id2label": {
    "0": "no",
    "1": "yes"
  },
  "label2id": {
    "no": 0,
    "yes": 1
  },
  "problem_type": "single_label_classification",
  "rope_theta": 10000.0,
  "text_config": {"eps": 1e-05}
}
`);
});

test('a file of nothing else is whole too', () => {
  expect(JSON.parse(classifierConfigText('{"architectures": ["A"]}', 'B', ['x', 'y']))).toEqual({
    architectures: ['B'],
    id2label: { 0: 'x', 1: 'y' },
    label2id: { x: 0, y: 1 },
    problem_type: 'single_label_classification',
  });
});
