// `homeport template`: the product's templates and the operator's own, what a change of them would do, and changing them.
import type { Command } from 'commander';
import {
  listTemplates,
  previewDirectory,
  previewTemplate,
  putTemplate,
  removeTemplate,
  showTemplate,
  type TemplateVerdict,
} from '../app/own-templates.ts';
import { invalid } from '../domain/errors.ts';
import { PLACE_FAULT, readPlace, type TemplatePlace } from '../domain/own-template.ts';
import type { OpenHouse } from '../main.ts';
import { impactText, print, show, table, withBar } from './print.ts';
import { confirm, type Shell } from './shell.ts';
import { readInput } from './tables.ts';

type Output = { json?: boolean };
type PreviewFlags = Output & { source?: string; remove?: boolean; directory?: string };
type Change = { readonly place: TemplatePlace; readonly source: string | null };

/** @throws AppError `invalid` for what cannot be the place of a template */
function placeOf(file: string): TemplatePlace {
  const place = readPlace(file);
  if (place === null) throw invalid(`${file} ${PLACE_FAULT}`);
  return place;
}

const verdictText = ({ file, action, state, fault, warning }: TemplateVerdict) =>
  [
    `${action} ${file}: ${fault === null ? (state ?? 'gone') : `${state}: ${fault}`}`,
    ...(warning === null ? [] : [`warning: ${warning}`]),
  ].join('\n');

/** What is to be looked at: one template with a source or gone, or a directory. @throws AppError `invalid` */
function changeOf(file: string | undefined, { source, remove, directory }: PreviewFlags): Change | null {
  const ways = [source !== undefined, remove === true, directory !== undefined].filter(Boolean).length;
  if (ways !== 1 || (directory === undefined) !== (file !== undefined)) {
    throw invalid('give a file with --source <path> or --remove, or --directory <path> alone');
  }
  return file === undefined ? null : { place: placeOf(file), source: source === undefined ? null : readInput(source) };
}

async function preview(shell: Shell, house: OpenHouse, file: string | undefined, flags: PreviewFlags): Promise<void> {
  const change = changeOf(file, flags);
  if (change === null) {
    const shown = await withBar((bar) => previewDirectory(house, flags.directory ?? '', bar));
    const nothing = shown.files.length === 0 ? ['every template is as it is served'] : shown.files.map(verdictText);
    show(shown, flags, ({ impact }) => [...nothing, '', impactText(impact)].join('\n'));
    if (shown.files.some(({ accepted }) => !accepted)) process.exitCode = 1;
    return;
  }
  const shown = await withBar((bar) => previewTemplate(house, change, shell.actor(), bar));
  show(shown, flags, ({ impact, ...verdict }) => `${verdictText(verdict)}\n\n${impactText(impact)}`);
  if (!shown.accepted) process.exitCode = 1;
}

function readCommands(template: Command, shell: Shell): void {
  template
    .command('list', { isDefault: true })
    .description('list the product’s templates and your own, with what is wrong with those that are not used')
    .option('--json', 'print JSON, for programs')
    .action((options: Output) =>
      shell.inHouse(async (house) => {
        const templates = listTemplates(house);
        const rows = templates.map(({ file, origin, state, fault }) => [file, origin, state, fault ?? '']);
        show(templates, options, () => table(['template', 'of', 'state', 'fault'], rows));
      }),
    );
  template
    .command('show <file>')
    .description('print a template: your own where there is one, else the product’s')
    .option('--product', 'the product’s in any case: a copy of it is a good start')
    .option('--json', 'print JSON, for programs')
    .action((file: string, options: Output & { product?: boolean }) =>
      shell.inHouse(async (house) => {
        const shown = await showTemplate(house, placeOf(file), shell.actor());
        show(shown, options, ({ product, own }) =>
          (options.product || own === null ? product : own.source).replace(/\n$/, ''),
        );
      }),
    );
}

export function addTemplateCommands(homeport: Command, shell: Shell): void {
  const template = homeport
    .command('template')
    .description('templates of your own, in the directory HOMEPORT_TEMPLATES');
  readCommands(template, shell);
  template
    .command('preview [file]')
    .description('tell whether a template would be used and what phones would get; ends with 1 when one would not')
    .option('--source <path>', 'the text that the template shall have (- for standard input)')
    .option('--remove', 'as if it were removed')
    .option('--directory <path>', 'as if this were the directory of own templates')
    .option('--json', 'print JSON, for programs')
    .action((file: string | undefined, flags: PreviewFlags) =>
      shell.inHouse((house) => preview(shell, house, file, flags)),
    );
  template
    .command('put <file>')
    .description('write a template of your own; one that would not be used is refused')
    .requiredOption('--source <path>', 'the text that it shall have (- for standard input)')
    .option('--yes', 'do not ask, for scripts')
    .action((file: string, { source, yes = false }: { source: string; yes?: boolean }) =>
      shell.inHouse(async (house) => {
        const place = placeOf(file);
        const order = { place, source: readInput(source) };
        await confirm(place.tenant ?? file, `This changes what phones get by ${file}.`, { yes });
        await putTemplate(house, order, shell.actor());
        print(`${file} is written; a running server takes it up within seconds`);
      }),
    );
  template
    .command('remove <file>')
    .description('remove a template of your own; the product’s holds again')
    .option('--yes', 'do not ask, for scripts')
    .action((file: string, { yes = false }: { yes?: boolean }) =>
      shell.inHouse(async (house) => {
        const place = placeOf(file);
        await confirm(place.tenant ?? file, `This removes ${file}; phones get what the product says.`, { yes });
        await removeTemplate(house, { place }, shell.actor());
        print(`${file} is removed`);
      }),
    );
}
