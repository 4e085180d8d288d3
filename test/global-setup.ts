import { startTestPostgres } from './database.ts';

/** One embedded Postgres for the whole run; every test file clones its databases from a migrated template. */
export default async function setup(project: { provide: (key: 'postgresUrl', value: string) => void }) {
  const server = await startTestPostgres();
  project.provide('postgresUrl', server.url);
  return () => server.stop();
}
