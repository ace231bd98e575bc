import { suiteOnKnative } from './suite-on-knative.ts';

suiteOnKnative('knative-sources');
