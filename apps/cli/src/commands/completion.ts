/** Completion scripts for shells, made from the commands themselves. */
import { Argument, type Command } from 'commander';
import type { Run } from '../context.js';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

export function addCompletion(program: Command, run: Run): void {
  program
    .command('completion')
    .description('write a completion script: eval "$(lowrank completion bash)"')
    .addArgument(new Argument('<shell>').choices(shells))
    .action(
      run(async ({ output, program }, [shell]) => {
        output.raw(completionScript(program, shell as Shell));
      }),
    );
}

/** Words that may follow each command, by the words before: `adapters get` and its options, say. */
interface Level {
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly help: string }[];
}

export function completionScript(program: Command, shell: Shell): string {
  const levels = levelsOf(program, '', optionsOf(program));
  if (shell === 'fish') return fish(levels);
  const cases = levels.map(
    ({ path, words }) => `    '${path}') words='${words.map(({ word }) => word).join(' ')}' ;;`,
  );
  return shell === 'bash' ? bash(cases) : zsh(cases);
}

function optionsOf(command: Command): Level['words'] {
  return command.options.map(({ long, short, description }) => ({
    word: long ?? short ?? '',
    help: description,
  }));
}

function levelsOf(command: Command, path: string, global: Level['words']): Level[] {
  const inner = command.commands.filter((sub) => sub.name() !== 'help');
  const names = inner.map((sub) => ({ word: sub.name(), help: sub.description() }));
  const options = path === '' ? [] : optionsOf(command);
  const help = { word: '--help', help: 'show help' };
  const deeper = inner.flatMap((sub) => levelsOf(sub, `${path} ${sub.name()}`.trim(), global));
  return [{ path, words: [...names, ...options, ...global, help] }, ...deeper];
}

/** In both shells: the words so far that are commands choose the case; files are offered beside the words. */
function bash(cases: readonly string[]): string {
  return `_lowrank() {
  local path='' word words='' next i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ $word == -* ]] && continue
    next="\${path:+$path }$word"
    _lowrank_words "$next" && path="$next"
  done
  _lowrank_words "$path"
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}") $(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
_lowrank_words() {
  case "$1" in
${cases.join('\n')}
    *) return 1 ;;
  esac
}
complete -o filenames -F _lowrank lowrank
`;
}

function zsh(cases: readonly string[]): string {
  return `#compdef lowrank
_lowrank() {
  local path_='' word words_='' next i
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    [[ $word == -* ]] && continue
    next="\${path_:+$path_ }$word"
    _lowrank_words "$next" && path_="$next"
  done
  _lowrank_words "$path_"
  compadd -- \${=words_}
  _files
}
_lowrank_words() {
  case "$1" in
${cases.join('\n').replaceAll(" words='", " words_='")}
    *) return 1 ;;
  esac
}
compdef _lowrank lowrank
`;
}

function fish(levels: readonly Level[]): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = levels.flatMap(({ path, words }) => {
    const parts = path === '' ? [] : path.split(' ');
    const seen = parts.map((part) => `__fish_seen_subcommand_from ${part}`).join('; and ');
    const condition = seen === '' ? '__fish_use_subcommand' : seen;
    return words.map(({ word, help }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c lowrank -n ${quoted(condition)} ${what} -d ${quoted(help)}`;
    });
  });
  return `${lines.join('\n')}\n`;
}
