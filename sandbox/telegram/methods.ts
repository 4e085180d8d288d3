import { botMethods } from './bot-methods.ts';
import { editingMethods } from './editing.ts';
import { sendingMethods } from './sending.ts';
import type { Call, Methods } from './telegram.ts';
import { topicMethods } from './topic-methods.ts';
import { updateMethods } from './update-methods.ts';

const methods = {
  ...updateMethods,
  ...botMethods,
  ...sendingMethods,
  ...editingMethods,
  ...topicMethods,
} satisfies Methods;

export type MethodName = keyof typeof methods;
const METHOD_NAMES = Object.keys(methods) as MethodName[];

const byLowerCase = new Map(METHOD_NAMES.map((name) => [name.toLowerCase(), name]));

/** Method names are case-insensitive. */
export const findMethodName = (name: string): MethodName | undefined => byLowerCase.get(name.toLowerCase());

export const runMethod = (name: MethodName, call: Call): unknown => methods[name](call);
