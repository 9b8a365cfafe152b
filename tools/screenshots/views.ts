/** The views of the dashboard as pictures show them: one line for each. */

/** What the service has when the pictures are made. */
export interface Content {
  /** A job that succeeded, with validation and sample answers. */
  readonly finishedJob: string;
  readonly runningJob: string;
  /** Two adapters of one base. */
  readonly adapters: readonly [string, string];
}

export interface View {
  /** Name of its pictures. */
  readonly name: string;
  readonly address: (content: Content) => string;
  /** A text that is there when the view is complete. */
  readonly ready: string | RegExp;
  /** A heading at which pictures of one window begin; the top of the view without one. */
  readonly from?: string;
}

export const views: readonly View[] = [
  { name: 'jobs', address: () => '/', ready: 'left' },
  { name: 'job', address: ({ finishedJob }) => `/jobs/${finishedJob}`, ready: 'The job has successfully' },
  { name: 'running', address: ({ runningJob }) => `/jobs/${runningJob}`, ready: 'Training started' },
  { name: 'new', address: ({ finishedJob }) => `/new?from=${finishedJob}`, ready: 'modules matched' },
  {
    name: 'plan',
    address: ({ finishedJob }) => `/new?from=${finishedJob}`,
    ready: 'modules matched',
    from: 'The plan',
  },
  { name: 'adapters', address: () => '/adapters', ready: 'ft:prose-4m' },
  { name: 'adapter', address: ({ adapters: [first] }) => `/adapters/${first}`, ready: 'adapter_config.json' },
  { name: 'workers', address: () => '/workers', ready: 'process' },
];

/** Pictures that are kept in docs/pictures: a view, a width, a theme. */
export const kept: ReadonlySet<string> = new Set([
  'job-1440-light',
  'plan-1440-light',
  'jobs-1440-dark',
  'job-390-dark',
  'new-390-light',
]);
