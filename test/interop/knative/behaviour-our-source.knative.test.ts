import { suiteOnKnative } from './suite-on-knative.ts';

suiteOnKnative('our-source');
