import type {CommandContext} from './program.ts';
import {examine} from '../doctor/doctor.ts';
import {countMustFix} from '../doctor/findings.ts';
import {toJson, toTable} from '../doctor/report.ts';

/** Checks both servers; @returns 1 if something must be fixed. */
export async function doctorCommand({config}: CommandContext, json: boolean): Promise<number> {
  const findings = await examine(config);
  process.stdout.write(json ? toJson(findings) : toTable(findings));
  return countMustFix(findings) > 0 ? 1 : 0;
}
