/** How a model of a folder has its images. */
import { readPreprocessor } from '#images/preprocessor-config.js';
import type { ImagePreprocessor } from '#images/preprocessor.js';
import { imageClassifier } from '#models/abilities.js';
import { familyOf } from '#models/families/registry.js';
import type { ModelFolder } from '#models/model-folder.js';

/**
 * The preprocessor of a model that classifies images.
 *
 * Throws UnsupportedError for other models, and the errors of `readPreprocessor`.
 */
export function loadPreprocessor({ folder, tree }: ModelFolder): Promise<ImagePreprocessor> {
  const { config } = imageClassifier(tree, 'preparing images');
  const { imageProcessor: processor = 'ViTImageProcessor' } = familyOf(config);
  const { channels, imageSize } = config;
  return readPreprocessor(folder, { processor, channels, imageSize });
}
