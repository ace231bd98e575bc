import { describe, expect, test } from 'vitest';
import {
  matchesFields,
  parseFieldSelector,
  labelSelectorOf,
  matchesLabels,
  parseLabelSelector,
} from '../api/selectors.ts';

const labels = { app: 'web', tier: '3', 'example.com/zone': 'a' };

describe('a label selector', () => {
  test.each([
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app=db', false],
    ['app!=db', true],
    ['other!=db', true],
    ['app', true],
    ['other', false],
    ['!other', true],
    ['!app', false],
    ['app in (web, db)', true],
    ['app in (db)', false],
    ['app notin (db)', true],
    ['other notin (db)', true],
    ['tier>2', true],
    ['tier<3', false],
    ['app=web,example.com/zone=a', true],
    ['app in (web,db),tier=4', false],
  ])('%j matches: %s', (text, matches) => {
    expect(matchesLabels(labels, parseLabelSelector(text))).toBe(matches);
  });

  test.each(['a in b', 'a b', '=x', 'a=b c', 'in (a)'])('%j is refused', (text) => {
    expect(() => parseLabelSelector(text)).toThrow('unable to parse requirement');
  });

  test('of a manifest asks for all of matchLabels and matchExpressions', () => {
    const selector = { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'other', operator: 'DoesNotExist' }] };
    expect(matchesLabels(labels, labelSelectorOf(selector))).toBe(true);
    expect(matchesLabels({ ...labels, other: '' }, labelSelectorOf(selector))).toBe(false);
  });
});

describe('a field selector', () => {
  const fields = { 'metadata.name': 'one', 'spec.nodeName': '' };

  test.each([
    ['', true],
    ['metadata.name=one', true],
    ['metadata.name==one', true],
    ['metadata.name!=one', false],
    ['metadata.name=one,spec.nodeName=', true],
    ['spec.nodeName!=', false],
    [String.raw`metadata.name=o\,ne`, false],
  ])('%j matches: %s', (text, matches) => {
    expect(matchesFields(fields, parseFieldSelector(text))).toBe(matches);
  });

  test('that is none is refused', () => {
    expect(() => parseFieldSelector('odd')).toThrow("invalid selector: 'odd'; can't understand 'odd'");
  });
});
