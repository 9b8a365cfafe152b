/** For somebody who has no job yet: the sample job in one click. */
import { useMutation, useQuery } from '@tanstack/react-query';
import { Play, Rocket } from 'lucide-react';
import { download } from '#client/download.js';
import { basePath } from '../../base-path.js';
import { connection } from '../../api/connection.js';
import { blobOf, filesClient, showFile } from '../../api/files.js';
import { showJob } from '../../api/jobs.js';
import { jobsClient } from '../../api/jobs-client.js';
import { modelsQuery } from '../../api/service.js';
import { go } from '../../router.js';
import { Button, LinkButton } from '../../ui/button.js';
import { Empty } from '../../ui/layout.js';
import { Problem } from '../parts/common.js';
import trainAddress from '../../../../../examples/quickstart/train.jsonl?url';
import validationAddress from '../../../../../examples/quickstart/validation.jsonl?url';
import { sampleJob } from '../../../../cli/src/quickstart/sample-job.js';

const seed = 5;

export function Welcome() {
  const { data: models = [] } = useQuery(modelsQuery);
  const starting = useMutation({
    mutationFn: async () => {
      const training = await uploadSample(trainAddress, 'sample-train.jsonl');
      const validation = await uploadSample(validationAddress, 'sample-validation.jsonl');
      return jobsClient.create(sampleJob({ training, validation }, seed));
    },
    onSuccess: (job) => {
      showJob(job);
      go(`/jobs/${job.id}`);
    },
  });
  const { model } = sampleJob({ training: '', validation: '' }, seed);
  const hasModel = models.some(({ id }) => id === model);
  return (
    <>
      <Empty
        icon={Rocket}
        title="Train your first adapter"
        actions={
          <>
            {hasModel && (
              <Button
                look="primary"
                icon={Play}
                isDisabled={starting.isPending}
                onPress={() => starting.mutate()}
              >
                {starting.isPending ? 'Starting…' : 'Run the sample job'}
              </Button>
            )}
            <LinkButton to="/new">Use my own data</LinkButton>
          </>
        }
      >
        The sample job teaches a small language model to write like the Bible. It runs on this machine in a
        few minutes, and shows everything a job can show: live curves, sample answers and an adapter at the
        end.
      </Empty>
      <Problem error={starting.error} />
    </>
  );
}

/** Gives the server a file of its own, and tells the id that it got. */
async function uploadSample(address: string, name: string): Promise<string> {
  const path = new URL(address, location.href).pathname.slice(basePath.length);
  const file = await filesClient.upload(await blobOf(download(connection, path)), name);
  showFile(file);
  return file.id;
}
