// /api/v1/installation: what is chosen once for all, beside the settings of phones.
import { changeInstallation, previewInstallation } from '../../app/installation.ts';
import { installationSchema } from '../../domain/installation.ts';
import * as answers from './answers.ts';
import { fieldsOf, isPreview, lookedAt, operation, previewQuery } from './operation.ts';

export const installationOperations = [
  operation({
    id: 'getInstallation',
    method: 'get',
    path: '/installation',
    summary: 'What is chosen for the whole installation',
    needs: 'lookAtFleet',
    answer: answers.installation,
    handle: async ({ door }) => {
      const installation = await door.store.installation.get();
      return { body: installation, revision: installation.revision };
    },
  }),
  operation({
    id: 'changeInstallation',
    method: 'patch',
    path: '/installation',
    summary: 'Changes what is chosen for the whole installation; tenantDomains changes the files of every phone',
    needs: 'operate',
    body: installationSchema,
    partial: true,
    query: previewQuery,
    preview: answers.impact,
    answer: answers.installation,
    handle: async (call) => {
      const changes = { ...fieldsOf(call), revision: call.revision };
      if (isPreview(call.query)) return lookedAt(await previewInstallation(call.door, changes));
      const installation = await changeInstallation(call.door, changes, call.actor);
      return { body: installation, revision: installation.revision };
    },
  }),
];
