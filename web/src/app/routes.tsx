import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Navigate } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";

import { inboxQuery } from "../api/queries";
import { InboxPage } from "../inbox/InboxPage";
import { RigFrame } from "../rig/RigFrame";
import { WallPage } from "../rig/WallPage";
import { TownPage } from "../town/TownPage";
import { Empty } from "../ui/parts";
import { App } from "./App";

const root = createRootRoute({ component: App, notFoundComponent: Nowhere });

const home = createRoute({ getParentRoute: () => root, path: "/", component: Start });
const inbox = createRoute({ getParentRoute: () => root, path: "/inbox", component: InboxPage });
const town = createRoute({ getParentRoute: () => root, path: "/town", component: TownPage });

const rig = createRoute({ getParentRoute: () => root, path: "/rigs/$rig", component: RigFrame });
const wall = createRoute({ getParentRoute: () => rig, path: "/", component: WallPage });
const board = createRoute({
  getParentRoute: () => rig,
  path: "/board",
  component: lazyRouteComponent(() => import("../board/BoardPage"), "BoardPage"),
});
const landing = createRoute({
  getParentRoute: () => rig,
  path: "/landing",
  component: lazyRouteComponent(() => import("../rig/LandingPage"), "LandingPage"),
});
const events = createRoute({
  getParentRoute: () => rig,
  path: "/events",
  component: lazyRouteComponent(() => import("../rig/EventsPage"), "EventsPage"),
});
const settings = createRoute({
  getParentRoute: () => rig,
  path: "/settings",
  component: lazyRouteComponent(() => import("../rig/SettingsPage"), "SettingsPage"),
});

const bead = createRoute({
  getParentRoute: () => root,
  path: "/beads/$bead",
  component: lazyRouteComponent(() => import("../bead/BeadPage"), "BeadPage"),
});
const polecat = createRoute({
  getParentRoute: () => root,
  path: "/polecats/$agent",
  component: lazyRouteComponent(() => import("../polecat/PolecatPage"), "PolecatPage"),
});

const tree = root.addChildren([
  home,
  inbox,
  town,
  rig.addChildren([wall, board, landing, events, settings]),
  bead,
  polecat,
]);

export const router = createRouter({ routeTree: tree, defaultPreload: "intent", scrollRestoration: true });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

/** The start page: what needs a person, else the town. */
function Start() {
  const { data } = useQuery(inboxQuery);
  if (!data) return null;
  return <Navigate to={data.length > 0 ? "/inbox" : "/town"} replace />;
}

function Nowhere() {
  return (
    <Empty title="There is nothing at this address">
      <p>Choose a page on the left, or press Ctrl K and type a name.</p>
    </Empty>
  );
}

