import { breakerForm } from './breaker-form.ts';
import type { Form } from './form.ts';
import { overrideForm } from './override-form.ts';
import { retryForm } from './retry-form.ts';
import { retryManyForm } from './retry-many-form.ts';

/** Every form as it is now, and after it, for one release, as it was before: who is in the middle of one ends it as it was begun. */
export const FORMS: Form[] = [retryForm, retryManyForm, breakerForm, overrideForm];
