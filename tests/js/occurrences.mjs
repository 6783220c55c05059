// What happens in calendars, by ical.js: its parser, its rules, its zones, its exceptions.
//
// Takes {"zones": {alias: IANA name}, "files": [{path, zone}], "since", "until"} on stdin, and gives,
// for each path, every occurrence that starts between the two: uid, start, end and who is to come.
// Zones that no VTIMEZONE defines are Node's own.
import { readFileSync } from "node:fs";
import ICAL from "ical.js";

const { zones, files, since, until } = JSON.parse(readFileSync(0, "utf8"));
const FROM = Date.parse(since);
const TO = Date.parse(until);
const FAR = 40 * 24 * 3600 * 1000;

/** A zone of Node's: the offset at a local time, found by the time that a clock there shows. */
class NodeZone extends ICAL.Timezone {
  constructor(tzid, name) {
    super({ tzid });
    this.tzid = tzid;
    this.clock = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  offsetAt(instant) {
    const parts = Object.fromEntries(this.clock.formatToParts(instant).map((p) => [p.type, +p.value]));
    const { year, month, day, hour, minute, second } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - instant;
  }

  utcOffset(time) {
    const wall = Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second);
    const guess = this.offsetAt(wall);
    return this.offsetAt(wall - guess) / 1000;
  }
}

function instant(time, floating) {
  const placed = time.clone();
  if (time.isDate || time.zone === ICAL.Timezone.localTimezone) {
    placed.isDate = false;
    placed.zone = floating;
  }
  return placed.toUnixTime() * 1000;
}

function address(property) {
  const value = property.getFirstValue();
  const mailto = /^mailto:(.*)$/i.exec(value);
  return (mailto ? mailto[1] : (property.getParameter("email") ?? "")).toLowerCase();
}

function people(component) {
  const lines = [...component.getAllProperties("attendee"), ...component.getAllProperties("organizer")];
  const out = lines.filter((p) => ["DECLINED", "DELEGATED"].includes(p.getParameter("partstat"))).map(address);
  const found = lines
    .filter((p) => !["ROOM", "RESOURCE"].includes(p.getParameter("cutype")))
    .map(address)
    .filter((a) => a && !out.includes(a));
  return [...new Set(found)].sort();
}

function isCancelled(component) {
  return component.getFirstPropertyValue("status") === "CANCELLED";
}

function* occurrences(event, floating) {
  if (!event.isRecurring()) {
    yield [event.startDate, event.endDate, event.component];
    return;
  }
  // Without a rule ical.js leaves out DTSTART, which is in every recurrence set (RFC 5545 3.8.5.2).
  if (!event.component.hasProperty("rrule")) yield [event.startDate, event.endDate, event.component];
  const iterator = event.iterator();
  for (let next = iterator.next(); next; next = iterator.next()) {
    if (instant(next, floating) > TO + FAR) return;
    const { startDate, endDate, item } = event.getOccurrenceDetails(next);
    yield [startDate, endDate, item.component];
  }
}

function* happenings(calendar, defaultZone) {
  ICAL.TimezoneService.reset();
  for (const [alias, name] of Object.entries(zones)) {
    ICAL.TimezoneService.register(new NodeZone(alias, name), alias);
  }
  for (const definition of calendar.getAllSubcomponents("vtimezone")) {
    ICAL.TimezoneService.register(new ICAL.Timezone(definition));
  }
  const own = calendar.getFirstPropertyValue("x-wr-timezone") ?? defaultZone;
  const floating = new NodeZone(own, own);
  const components = calendar.getAllSubcomponents("vevent");
  const isChange = (c) => c.hasProperty("recurrence-id");
  const uid = (c) => c.getFirstPropertyValue("uid");
  const masters = components.filter((c) => !isChange(c));
  const known = new Set(masters.map(uid));
  for (const component of [...masters, ...components.filter((c) => isChange(c) && !known.has(uid(c)))]) {
    const changes = components.filter((c) => isChange(c) && c !== component && uid(c) === uid(component));
    const event = new ICAL.Event(component, { exceptions: changes, strictExceptions: false });
    for (const [start, end, of] of occurrences(event, floating)) {
      const began = instant(start, floating);
      if (began >= FROM && began < TO && !isCancelled(of) && !isCancelled(component)) {
        yield { uid: uid(component), start: began, end: instant(end, floating), people: people(of) };
      }
    }
  }
}

const found = {};
for (const { path, zone } of files) {
  const text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  const parsed = ICAL.parse(text);
  const calendars = typeof parsed[0] === "string" ? [parsed] : parsed;
  found[path] = calendars.flatMap((c) => [...happenings(new ICAL.Component(c), zone)]);
}
process.stdout.write(JSON.stringify(found));
