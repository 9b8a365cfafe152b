import type { JobRequest } from '#contracts/http/job-create.js';
import { viewPlannedData } from '#contracts/http/planned-data.js';
import type { PlannedTime, PlanObject } from '#contracts/http/plans.js';
import type { Planned } from '#jobs/planner-calls.js';
import { viewResolved } from '../jobs/job-options-view.js';

/** A plan as it is answered. */
export function viewPlan(
  { device }: JobRequest,
  { plan, shown, shownValidation }: Planned,
  time: PlannedTime | null,
): PlanObject {
  const { seed, device: _, ...training } = plan.training;
  const data = plan.data!;
  return {
    object: 'fine_tuning.plan',
    model: plan.model,
    base_identity: plan.baseIdentity,
    model_parameters: plan.modelParameters,
    weight_bytes: plan.weightBytes,
    classes: plan.classes && [...plan.classes],
    modules: plan.modules.map(({ path, inFeatures, outFeatures, r, scale, parameters }) => ({
      path,
      shape: [outFeatures, inFeatures],
      r,
      scale,
      parameters,
    })),
    whole_weights: plan.wholeWeights.map(({ name, shape }) => ({ name, shape: [...shape] })),
    trainable_parameters: plan.trainableParameters,
    adapter_bytes: plan.adapterBytes,
    lora: plan.lora,
    training,
    resolved: viewResolved({
      training: data.settled,
      lora: plan.lora,
      device,
      reasons: data.reasons,
      chosen: null,
    }),
    device,
    seed,
    data: {
      training: viewPlannedData(data.training, shown),
      validation: data.validation && viewPlannedData(data.validation, shownValidation),
    },
    choices: [...data.choices],
    total_steps: data.totalSteps,
    steps_per_epoch: data.stepsPerEpoch,
    time,
    runs_on: [...plan.runsOn],
    warnings: [...plan.warnings],
  };
}
