/*
 * A Vulkan layer for tests: Mesa's lavapipe of Debian 12 lacks two features of images that WebGPU asks every device for, and has what the
 * kernels of this project need (fp16 arithmetic, subgroups), which use no image. The layer says that the features are there, and does not ask for them.
 *
 *   cc -shared -fPIC -o libbitwidth_images.so images-layer.c      with the manifest beside it: VK_LAYER_PATH=. VK_INSTANCE_LAYERS=VK_LAYER_BITWIDTH_images
 *
 * Interface: the Vulkan loader's LoaderLayerInterface.md, version 2.
 */
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

/* Those of the driver. Asked for as soon as there is an instance: later the loader answers with the first layer's, which is this one. */
static struct {
  PFN_vkGetInstanceProcAddr instance_address;
  PFN_vkGetDeviceProcAddr device_address;
  PFN_vkGetPhysicalDeviceFeatures features;
  PFN_vkGetPhysicalDeviceFeatures2 features2;
  PFN_vkCreateDevice create_device;
} next;

static void claim(VkPhysicalDeviceFeatures *features) {
  features->shaderSampledImageArrayDynamicIndexing = VK_TRUE;
  features->shaderStorageImageArrayDynamicIndexing = VK_TRUE;
}

static VKAPI_ATTR void VKAPI_CALL get_features(VkPhysicalDevice device, VkPhysicalDeviceFeatures *features) {
  next.features(device, features);
  claim(features);
}

static VKAPI_ATTR void VKAPI_CALL get_features2(VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *features) {
  next.features2(device, features);
  claim(&features->features);
}

/* The driver's own answer decides what is asked of it. */
static void unclaim(VkPhysicalDevice device, VkPhysicalDeviceFeatures *wanted) {
  VkPhysicalDeviceFeatures real;
  next.features(device, &real);
  if (!real.shaderSampledImageArrayDynamicIndexing) wanted->shaderSampledImageArrayDynamicIndexing = VK_FALSE;
  if (!real.shaderStorageImageArrayDynamicIndexing) wanted->shaderStorageImageArrayDynamicIndexing = VK_FALSE;
}

/* The loader's link for the next layer: found in what was passed, and moved on for it. */
#define LINK(type, kind, info) \
  type *link = (type *)(info)->pNext; \
  while (link != NULL && !(link->sType == kind && link->function == VK_LAYER_LINK_INFO)) link = (type *)link->pNext; \
  if (link == NULL) return VK_ERROR_INITIALIZATION_FAILED;

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator, VkInstance *made) {
  LINK(VkLayerInstanceCreateInfo, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO, info)
  next.instance_address = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  VkResult result = ((PFN_vkCreateInstance)next.instance_address(NULL, "vkCreateInstance"))(info, allocator, made);
  if (result != VK_SUCCESS) return result;
  next.features = (PFN_vkGetPhysicalDeviceFeatures)next.instance_address(*made, "vkGetPhysicalDeviceFeatures");
  next.features2 = (PFN_vkGetPhysicalDeviceFeatures2)next.instance_address(*made, "vkGetPhysicalDeviceFeatures2");
  next.create_device = (PFN_vkCreateDevice)next.instance_address(*made, "vkCreateDevice");
  return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info, const VkAllocationCallbacks *allocator, VkDevice *made) {
  LINK(VkLayerDeviceCreateInfo, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO, info)
  next.device_address = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  VkDeviceCreateInfo own = *info;
  VkPhysicalDeviceFeatures features;
  if (own.pEnabledFeatures != NULL) {
    features = *own.pEnabledFeatures;
    unclaim(physical, &features);
    own.pEnabledFeatures = &features;
  }
  /* Or at the chain, which the caller keeps until this returns. */
  for (VkBaseOutStructure *one = (VkBaseOutStructure *)own.pNext; one != NULL; one = one->pNext) {
    if (one->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2) unclaim(physical, &((VkPhysicalDeviceFeatures2 *)one)->features);
  }
  return next.create_device(physical, &own, allocator, made);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_address(VkDevice device, const char *name) {
  if (strcmp(name, "vkGetDeviceProcAddr") == 0) return (PFN_vkVoidFunction)device_address;
  return next.device_address(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_address(VkInstance of, const char *name) {
  static const struct { const char *name; PFN_vkVoidFunction function; } own[] = {
    { "vkGetInstanceProcAddr", (PFN_vkVoidFunction)instance_address }, { "vkGetDeviceProcAddr", (PFN_vkVoidFunction)device_address },
    { "vkCreateInstance", (PFN_vkVoidFunction)create_instance }, { "vkCreateDevice", (PFN_vkVoidFunction)create_device },
    { "vkGetPhysicalDeviceFeatures", (PFN_vkVoidFunction)get_features }, { "vkGetPhysicalDeviceFeatures2", (PFN_vkVoidFunction)get_features2 },
    { "vkGetPhysicalDeviceFeatures2KHR", (PFN_vkVoidFunction)get_features2 },
  };
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) if (strcmp(name, own[i].name) == 0) return own[i].function;
  return next.instance_address == NULL ? NULL : next.instance_address(of, name);
}

VK_LAYER_EXPORT VKAPI_ATTR VkResult VKAPI_CALL vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *offer) {
  if (offer->loaderLayerInterfaceVersion < 2) return VK_ERROR_INITIALIZATION_FAILED;
  offer->loaderLayerInterfaceVersion = 2;
  offer->pfnGetInstanceProcAddr = instance_address;
  offer->pfnGetDeviceProcAddr = device_address;
  offer->pfnGetPhysicalDeviceProcAddr = NULL;
  return VK_SUCCESS;
}
