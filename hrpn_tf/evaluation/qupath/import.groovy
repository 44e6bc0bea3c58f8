// Written by hrpn-tf analyse, for QuPath 0.5 or later.
//
// Imports slides and their objects into the open project: create or open a project, open this file
// with Automate > Script editor, and choose Run. Without a window:
//   QuPath script --project=project.qpproj import.groovy
// Run again, it replaces the objects that it imported, and keeps all others.
import java.awt.geom.AffineTransform
import java.awt.image.BufferedImage
import qupath.lib.images.ImageData
import qupath.lib.images.servers.ImageServerProvider
import qupath.lib.io.PathIO
import qupath.lib.objects.PathObjectTools

// Change these where files were moved.
def folder = '@FOLDER@'
def slides = [
@SLIDES@]

def project = getProject()
if (project == null) {
  println('No project is open: create or open one first')
  return
}
def failed = 0
for (slide in slides) {
  try {
    def image = new File(slide.image)
    def file = new File(folder, slide.objects)
    for (needed in [image, file]) {
      if (!needed.exists()) {
        throw new FileNotFoundException(needed.toString() + ': no such file')
      }
    }
    def uri = image.toURI()
    def entry = project.getImageList().find { it.getURIs().contains(uri) }
    if (entry == null) {
      def support = ImageServerProvider.getPreferredUriImageSupport(BufferedImage, uri.toString())
      if (support == null || support.getBuilders().isEmpty()) {
        throw new IOException('QuPath cannot open ' + image)
      }
      entry = project.addImage(support.getBuilders().get(0))
      entry.setImageName(slide.name)
    }
    def data = entry.readImageData()
    if (data.getImageType() == ImageData.ImageType.UNSET) {
      data.setImageType(ImageData.ImageType.FLUORESCENCE)
    }
    def objects = PathIO.readObjects(file)
    if (slide.scale != 1.0) {
      def factor = slide.scale.doubleValue()
      def transform = AffineTransform.getScaleInstance(factor, factor)
      objects = objects.collect { PathObjectTools.transformObject(it, transform, true) }
    }
    def ids = objects.collect { it.getID() }.toSet()
    def hierarchy = data.getHierarchy()
    def before = hierarchy.getAllObjects(false).findAll { ids.contains(it.getID()) }
    hierarchy.removeObjects(before, true)
    hierarchy.addObjects(objects)
    entry.saveImageData(data)
    data.getServer().close()
    println(slide.name + ': ' + objects.size() + ' objects')
  } catch (Exception error) {
    failed = failed + 1
    println(slide.name + ': ' + error.getMessage())
  }
}
project.syncChanges()
try {
  def window = getQuPath()
  if (window != null) {
    window.refreshProject()
  }
} catch (Throwable ignored) {
  println('There is no window to refresh')
}
println((slides.size() - failed) + ' of ' + slides.size() + ' slides imported')
