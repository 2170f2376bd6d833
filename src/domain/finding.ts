// What `homeport check` can find: one sentence about something that is well, doubtful, wrong, or could not be looked at.

/** `error`: somebody must act. `unknown`: it could not be looked at, which is never the same as well. */
export const SEVERITIES = ['error', 'unknown', 'warning', 'ok'] as const;
export type Severity = (typeof SEVERITIES)[number];

export type Finding = {
  /** What programs know it by: `backup.old`. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** What to do about it; null when it is well. */
  readonly remedy: string | null;
};

export const ok = (code: string, message: string): Finding => ({ code, severity: 'ok', message, remedy: null });
export const warning = (code: string, message: string, remedy: string): Finding => ({
  code,
  severity: 'warning',
  message,
  remedy,
});
export const error = (code: string, message: string, remedy: string): Finding => ({
  code,
  severity: 'error',
  message,
  remedy,
});
export const unknown = (code: string, message: string, remedy: string): Finding => ({
  code,
  severity: 'unknown',
  message,
  remedy,
});

/** Findings with the worst first; those of the same severity stay in their order. */
export const worstFirst = (findings: readonly Finding[]): Finding[] =>
  [...findings].sort((one, other) => SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity));
