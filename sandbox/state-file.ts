import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const SAVE_AFTER_MS = 100;

/** Keeps plain data in a file: written a moment after a change, whole or not at all, and once more at the end. */
export type StateFile<State> = {
  readonly state: State;
  changed(): void;
  flush(): Promise<void>;
};

export function openStateFile<State>(path: string | undefined, createState: () => State): StateFile<State> {
  const state = (path && readState<State>(path)) || createState();
  let timer: NodeJS.Timeout | undefined;
  let saving = Promise.resolve();

  const save = () => {
    clearTimeout(timer);
    timer = undefined;
    if (path) saving = saving.then(() => writeWhole(path, JSON.stringify(state)));
    return saving;
  };

  return {
    state,
    changed: () => {
      if (path) timer ??= setTimeout(save, SAVE_AFTER_MS).unref();
    },
    flush: save,
  };
}

function readState<State>(path: string): State | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as State;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`the sandbox cannot read ${path}; delete it to begin anew`, { cause: error });
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
