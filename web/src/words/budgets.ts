import type { Budget, RigStatus, Status } from "../api/router";

/** From this part of a budget on it is worth a word. */
const BITES_AT = 0.8;

/** What a rig, or without one the home, may spend in a day. */
export function dailyOf(status: Status, rig: RigStatus | null): Budget | undefined {
  return status.budgets.find((budget) => budget.budget === "usd_per_day" && (rig ? budget.scope === "rig" && budget.owner === rig.name : budget.scope === "home"));
}

/** Budgets that are used up, or nearly. */
export function biting(status: Status): Budget[] {
  return status.budgets.filter((budget) => budget.spent >= BITES_AT * budget.limit);
}

export function isUsedUp(budget: Budget): boolean {
  return budget.spent >= budget.limit;
}
