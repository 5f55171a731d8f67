export interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}
export function countVitest(report: VitestReport): [number, number, number];
export function countPytest(text: string): [number, number, number];
