import type { PlannedData, PlannedTime, PlanObject } from '#contracts/http/plans.js';
import type { DataMeasure } from '#jobs/measure-data.js';
import type { CheckedJob } from '../jobs/job-request.service.js';

/** A plan as it is answered. */
export function viewPlan({ job, plan }: CheckedJob, time: PlannedTime | null): PlanObject {
  const { seed: _, device: __, ...training } = plan.training;
  return {
    object: 'fine_tuning.plan',
    model: plan.model,
    base_identity: plan.baseIdentity,
    model_parameters: plan.modelParameters,
    modules: plan.modules.map(({ path, inFeatures, outFeatures, r, scale }) => ({
      path,
      shape: [outFeatures, inFeatures],
      r,
      scale,
      parameters: r * (inFeatures + outFeatures),
    })),
    trainable_parameters: plan.trainableParameters,
    adapter_bytes: plan.adapterBytes,
    lora: plan.lora,
    training,
    device: job.device,
    seed: job.seed,
    data: plan.data && {
      training: viewData(plan.data.training),
      validation: plan.data.validation && viewData(plan.data.validation),
    },
    choices: plan.choices && [...plan.choices],
    total_steps: plan.totalSteps,
    steps_per_epoch: plan.stepsPerEpoch,
    time,
    warnings: [...plan.warnings],
  };
}

function viewData(measure: DataMeasure): PlannedData {
  return {
    examples: measure.examples,
    tokens: measure.tokens,
    trained_tokens: measure.trainedTokens,
    blocks: measure.blocks,
    block_length: measure.blockLength,
    truncated_examples: measure.truncatedExamples,
    dropped_examples: measure.droppedExamples,
    estimated: measure.estimated,
    example: [...measure.example],
    shown_examples: measure.shown.map(({ line, tokens, shownTokens, pieces }) => ({
      line,
      tokens,
      shown_tokens: shownTokens,
      pieces: [...pieces],
    })),
    lengths: { ...measure.lengths, counts: [...measure.lengths.counts] },
  };
}
